// SPDX-License-Identifier: GPL-2.0

//! Runs the program without the module: usage, exit statuses, standard streams.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};

use tempfile::{NamedTempFile, TempDir, TempPath};

fn rcuctl(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rcuctl"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    rcuctl(arguments).output().expect("the program starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A temporary file. Commands that only read accept it as the device.
fn file(content: &str) -> TempPath {
    let file = NamedTempFile::new().expect("a writable temporary folder");
    std::fs::write(&file, content).expect("writable");
    file.into_temp_path()
}

fn path(file: &TempPath) -> &str {
    file.to_str().expect("an ASCII path")
}

#[test]
fn help_documents_the_exit_status() {
    let output = run(&["--help"]);
    assert!(output.status.success());
    assert!(
        stdout(&output).contains("Exit status:"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn a_usage_error_is_status_1() {
    for arguments in [
        &["route", "frobnicate"][..],
        &["route", "add"],
        &["route", "get", "300.1.1.1"],
        &["route", "get", "10.1.1.0/24"],
        &["route", "get", "fe80::1%eth0"],
        &["route", "add", "default", "via", "fe80::21bc6"],
        &["route", "add", "default", "dev", "a", "metric", "-1"],
        &["-6", "route", "get", "10.0.0.1"],
        &["-4", "-6", "route", "show"],
        &["-batch", "routes"],
        &["-family", "mpls", "route"],
        &["route", "flush", "inet7"],
        &["route", "flush", "proto", "static"],
        &["st", "list"],
        &["stats", "--watch", "0"],
        &["torture", "--status", "--secs", "5"],
        &["torture", "--bug", "fast"],
        &["stall"],
        &["stall", "run", "frozen_vm"],
        &["stall", "run", "tasks", "--hold", "61"],
        &["--bad"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_missing_device_suggests_insmod() {
    let output = run(&[
        "--device",
        "/dev/no_such_device",
        "route",
        "get",
        "10.0.0.1",
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        "rcuctl: no /dev/no_such_device: is the module loaded? sudo insmod rust_rcu_demo.ko\n"
    );
    assert!(output.stdout.is_empty());
}

#[test]
fn errors_in_json_are_objects_on_standard_error() {
    let output = run(&["--json", "--device", "/dev/no_such_device", "route", "show"]);
    assert_eq!(output.status.code(), Some(1));
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).expect("valid JSON");
    assert_eq!(error["error"]["errno"], "ENOENT");
    assert!(output.stdout.is_empty());
}

#[test]
fn show_prints_the_table() {
    let table = file("10.0.0.0/8 dev a\n::/0 via fe80::1 dev a\n");
    let output = run(&["--device", path(&table), "route", "show"]);
    assert!(output.status.success());
    assert_eq!(
        stdout(&output),
        "10.0.0.0/8 dev a scope link\ndefault via fe80::1 dev a pref medium\n"
    );

    let output = run(&["--device", path(&table), "route", "show", "--json"]);
    let routes: serde_json::Value = serde_json::from_slice(&output.stdout).expect("valid JSON");
    assert_eq!(routes[1]["gateway"], "fe80::1");
    assert_eq!(routes[1]["dst"], "default");
}

#[test]
fn a_closed_pipe_is_no_error() {
    let table = file(&"10.0.0.0/8 via 10.0.0.1 dev eth0\n".repeat(100_000));
    for arguments in [
        &["route", "show"][..],
        &["route", "show", "--json"],
        &["route", "save"],
    ] {
        let mut child = rcuctl(&["--device", path(&table)])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let mut reader = BufReader::new(child.stdout.take().expect("piped"));
        reader.read_line(&mut line).expect("readable");
        assert!(!line.is_empty());
        drop(reader);
        let output = child.wait_with_output().expect("the program exits");
        assert!(
            output.status.success(),
            "{arguments:?}: {:?}",
            output.status
        );
        assert_eq!(stderr(&output), "", "{arguments:?}");
    }
}

#[test]
fn enospc_on_standard_output_is_an_error() {
    let table = file("10.0.0.0/8 dev a\n");
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("exists");
    let output = rcuctl(&["--device", path(&table), "route", "show"])
        .stdout(full)
        .output();
    let output = output.expect("the program starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("ENOSPC"), "{}", stderr(&output));
}

#[test]
fn a_regular_file_as_device_is_not_written() {
    let table = file("table\n");
    let routes = file("10.0.0.0/8\n");
    for arguments in [
        &["route", "flush"][..],
        &["route", "load", path(&routes)],
        &["stats"],
    ] {
        let output = rcuctl(&["--device", path(&table)]).args(arguments).output();
        let output = output.expect("the program starts");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    }
    assert_eq!(
        std::fs::read_to_string(&table).expect("still exists"),
        "table\n"
    );
}

#[test]
fn a_device_without_end_of_file_is_an_error() {
    let routes = file("10.0.0.0/8\n");
    for arguments in [
        &["route", "show"][..],
        &["route", "load", path(&routes)],
        &["stats"],
        &["--json", "route", "get", "10.0.0.1"],
    ] {
        let output = rcuctl(&["--device", "/dev/zero"]).args(arguments).output();
        let output = output.expect("the program starts");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(stderr(&output).contains("endless"), "{}", stderr(&output));
    }
}

#[test]
fn a_line_feed_in_a_route_is_an_error() {
    let output = run(&[
        "--device",
        "/dev/no_such_device",
        "route",
        "add",
        "10.0.0.0/8\nflush",
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("cannot be part of a route"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn load_and_save_print_the_number_of_routes() {
    let mut child = rcuctl(&["--device", "/dev/null", "route", "load", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin
        .write_all(b"# two\n10.0.0.0/8\n::/0\n")
        .expect("the program reads");
    drop(stdin);
    let output = child.wait_with_output().expect("the program exits");
    assert!(output.status.success());
    assert!(
        stdout(&output).starts_with("loaded 2 routes in "),
        "{}",
        stdout(&output)
    );
    assert_eq!(stderr(&output), "");

    let saved = file("old\n");
    let output = run(&["--device", "/dev/null", "route", "save", path(&saved)]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stdout(&output).starts_with("saved 0 routes to "),
        "{}",
        stdout(&output)
    );
    assert_eq!(std::fs::read_to_string(&saved).expect("saved"), "");
}

/// A folder of files in place of the module's parameters.
struct Parameters(TempDir);

impl Parameters {
    fn new(files: &[(&str, &str)]) -> Self {
        let parameters = Self(tempfile::tempdir().expect("a writable temporary folder"));
        for (file, content) in files {
            std::fs::write(parameters.0.path().join(file), content).expect("writable");
        }
        parameters
    }

    fn run(&self, command: &str, arguments: &[&str]) -> Output {
        let output = rcuctl(&[command, "--parameters"])
            .arg(self.0.path())
            .args(arguments)
            .output();
        output.expect("the program starts")
    }

    fn content(&self, file: &str) -> String {
        std::fs::read_to_string(self.0.path().join(file)).expect("still exists")
    }
}

const FAILED: &str = "state idle\nverdict FAILURE\nruns 1\ntype rcu\nbug none\nseconds 5\nreads 500\n\
                      pipe 499 0 1\nerrors 1\n\
                      error 1 reader found an element that was retired grace periods ago; the most 2\n";

#[test]
fn torture_without_the_module_suggests_insmod() {
    let output = run(&["torture", "--parameters", "/sys/module/no_such/parameters"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        "rcuctl: no /sys/module/no_such/parameters: is the module loaded? sudo insmod rust_rcu_demo.ko\n"
    );
}

#[test]
fn torture_reports_a_module_without_its_parameters_as_older() {
    let parameters = Parameters::new(&[("reclaim", "call\n")]);
    for arguments in [&[][..], &["--status"], &["--stop"]] {
        let output = parameters.run("torture", arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(
            stderr(&output).contains("no parameter torture: it is older"),
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn torture_status_exits_0_after_a_failed_run() {
    let parameters = Parameters::new(&[("torture", FAILED)]);
    let output = parameters.run("torture", &["--status"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.starts_with("FAILURE: 1 error in 5 s\n"), "{text}");
    assert!(
        text.contains("ERROR: a grace period had ended since"),
        "{text}"
    );

    let output = parameters.run("torture", &["--status", "--json"]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("valid JSON");
    assert_eq!(document["verdict"], "FAILURE");
    assert_eq!(document["findings"][0]["count"], 1);
    assert_eq!(document["rates"]["reads"], 100);
}

#[test]
fn torture_does_not_disturb_a_run_in_progress() {
    let running = FAILED.replace("idle", "running");
    let parameters = Parameters::new(&[("torture", &running), ("shutdown_secs", "7\n")]);
    let output = parameters.run("torture", &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).expect("valid JSON");
    assert_eq!(error["error"]["errno"], "EBUSY");
    assert_eq!(parameters.content("torture"), running);
    assert_eq!(parameters.content("shutdown_secs"), "7\n");
}

#[test]
fn torture_restores_parameters_when_one_is_missing() {
    let files = [
        ("torture", FAILED),
        ("shutdown_secs", "7\n"),
        ("bug", "none\n"),
    ];
    let parameters = Parameters::new(&files);
    let output = parameters.run(
        "torture",
        &["--secs", "5", "--bug", "skip_gp", "--fake-writers", "2"],
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("no parameter nfakewriters"),
        "{}",
        stderr(&output)
    );
    for (file, content) in files {
        assert_eq!(parameters.content(file), content);
    }
}

#[test]
fn torture_documents_its_exit_status() {
    let text = stdout(&run(&["torture", "--help"]));
    assert!(
        text.contains("Exit status:") && text.contains("--expect-failure"),
        "{text}"
    );
}

/// The module's report of a running stall.
const STALLED: &str = "state running\nkind tasks\ncpu 1\nhold_ms 24000\npid 93\ncomm stall_task\nseconds 3\nruns 5\n\
                       outcome none\nhas tasks yes\nhold tasks 12000\nexpect tasks rcu_tasks detected stalls\n\
                       has might_sleep no:CONFIG_X\nhold might_sleep 1000\nexpect might_sleep sleeping function\n";

#[test]
fn stall_without_the_module_suggests_insmod() {
    for command in ["list", "stop"] {
        let arguments = [
            "stall",
            command,
            "--parameters",
            "/sys/module/no_such/parameters",
        ];
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(1), "{command}");
        assert!(stderr(&output).contains("insmod"), "{}", stderr(&output));
    }
}

#[test]
fn stall_reports_a_module_without_its_parameters_as_older() {
    let parameters = Parameters::new(&[("reclaim", "call\n")]);
    let output = parameters.run("stall", &["list"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("no parameter stall: it is older"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn stall_explain_needs_no_module() {
    let output = run(&["stall", "explain", "tasks"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("tasks"), "{}", stdout(&output));
}

#[test]
fn stall_list_shows_the_missing_kernel_features() {
    let parameters = Parameters::new(&[("stall", STALLED)]);
    let output = parameters.run("stall", &["list"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.starts_with("KIND ") && text.contains("lacks CONFIG_X"),
        "{text}"
    );

    let output = parameters.run("stall", &["list", "--json"]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("valid JSON");
    assert_eq!(document[0]["kind"], "tasks");
    assert_eq!(document[0]["has"], "yes");
    assert_eq!(document[1]["needs"], "CONFIG_X");
}

#[test]
fn stall_run_does_not_disturb_a_run_in_progress() {
    let files = [
        ("stall", STALLED),
        ("stall_cpu", "-1\n"),
        ("stall_hold_ms", "7\n"),
    ];
    let parameters = Parameters::new(&files);
    let output = parameters.run("stall", &["run", "tasks", "--json", "--log", "/dev/null"]);
    assert_eq!(output.status.code(), Some(1));
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).expect("valid JSON");
    assert_eq!(error["error"]["errno"], "EBUSY");
    for (file, content) in files {
        assert_eq!(parameters.content(file), content);
    }
}

#[test]
fn stall_run_on_an_offline_cpu_is_refused() {
    let files = [("stall", STALLED), ("stall_cpu", "-1\n")];
    let parameters = Parameters::new(&files);
    let output = parameters.run("stall", &["run", "tasks", "--cpu", "99999"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).starts_with("rcuctl: CPU 99999 is not online; online: 0"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn stall_documents_its_exit_status() {
    for arguments in [&["stall", "--help"][..], &["stall", "run", "--help"]] {
        let text = stdout(&run(arguments));
        assert!(text.contains("Exit status:"), "{text}");
    }
}
