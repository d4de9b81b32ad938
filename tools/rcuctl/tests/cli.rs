// SPDX-License-Identifier: GPL-2.0

//! The program as a whole, as far as it goes without the module: usage, exit statuses, streams.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

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

/// A file that reads as a table; for commands that only read, it is as good as the device.
struct Table(PathBuf);

impl Table {
    fn new(name: &str, content: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rcuctl-cli-{name}-{}", std::process::id()));
        std::fs::write(&path, content).expect("a writable temporary folder");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("an ASCII path")
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).expect("still there");
    }
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
fn wrong_usage_is_status_1() {
    for arguments in [
        &["route"][..],
        &["route", "add"],
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
fn a_missing_device_asks_for_the_module() {
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
fn json_errors_are_objects_on_standard_error() {
    let output = run(&["--json", "--device", "/dev/no_such_device", "route", "show"]);
    assert_eq!(output.status.code(), Some(1));
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).expect("valid JSON");
    assert_eq!(error["error"]["errno"], "ENOENT");
    assert!(output.stdout.is_empty());
}

#[test]
fn show_prints_the_table() {
    let table = Table::new("show", "10.0.0.0/8 dev a\n::/0 via fe80::1 dev a\n");
    let output = run(&["--device", table.path(), "route", "show"]);
    assert!(output.status.success());
    assert_eq!(
        stdout(&output),
        "10.0.0.0/8 dev a\n::/0 via fe80::1 dev a\n"
    );

    let output = run(&["--device", table.path(), "route", "show", "--json"]);
    let routes: serde_json::Value = serde_json::from_slice(&output.stdout).expect("valid JSON");
    assert_eq!(routes[1]["gateway"], "fe80::1");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let table = Table::new(
        "pipe",
        &"10.0.0.0/8 via 10.0.0.1 dev eth0\n".repeat(100_000),
    );
    for arguments in [
        &["route", "show"][..],
        &["route", "show", "--json"],
        &["route", "save"],
    ] {
        let mut child = rcuctl(&["--device", table.path()])
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
        let output = child.wait_with_output().expect("it ends");
        assert!(
            output.status.success(),
            "{arguments:?}: {:?}",
            output.status
        );
        assert_eq!(stderr(&output), "", "{arguments:?}");
    }
}

#[test]
fn a_full_disk_is_an_error() {
    let table = Table::new("full", "10.0.0.0/8 dev a\n");
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("always there");
    let output = rcuctl(&["--device", table.path(), "route", "show"])
        .stdout(full)
        .output();
    let output = output.expect("the program starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("ENOSPC"), "{}", stderr(&output));
}

#[test]
fn a_file_is_not_written_as_if_it_were_the_device() {
    let table = Table::new("file", "precious\n");
    let routes = Table::new("routes", "10.0.0.0/8\n");
    for arguments in [
        &["route", "flush"][..],
        &["route", "load", routes.path()],
        &["stats"],
    ] {
        let output = rcuctl(&["--device", table.path()]).args(arguments).output();
        let output = output.expect("the program starts");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    }
    assert_eq!(
        std::fs::read_to_string(&table.0).expect("still there"),
        "precious\n"
    );
}

#[test]
fn a_device_that_never_ends_is_noticed() {
    let routes = Table::new("endless", "10.0.0.0/8\n");
    for arguments in [
        &["route", "show"][..],
        &["route", "load", routes.path()],
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
fn words_that_would_be_two_lines_do_not_reach_the_device() {
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

/// `/dev/null` takes every line and answers nothing, so it shows what a load and a save print.
#[test]
fn load_and_save_sum_up() {
    let mut child = rcuctl(&["--device", "/dev/null", "route", "load", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin
        .write_all(b"# two\n10.0.0.0/8\n::/0\n")
        .expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success());
    assert!(
        stdout(&output).starts_with("loaded 2 routes in "),
        "{}",
        stdout(&output)
    );
    assert_eq!(stderr(&output), "");

    let file = Table::new("saved", "old\n");
    let output = run(&["--device", "/dev/null", "route", "save", file.path()]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stdout(&output).starts_with("saved 0 routes to "),
        "{}",
        stdout(&output)
    );
    assert_eq!(std::fs::read_to_string(&file.0).expect("saved"), "");
}

/// A folder of files that are there as the module's parameters are, though nothing happens in it.
struct Parameters(PathBuf);

impl Parameters {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let path = std::env::temp_dir().join(format!(
            "rcuctl-cli-parameters-{name}-{}",
            std::process::id()
        ));
        std::fs::create_dir(&path).expect("a writable temporary folder");
        let parameters = Self(path);
        for (file, content) in files {
            std::fs::write(parameters.0.join(file), content).expect("writable");
        }
        parameters
    }

    fn torture(&self, arguments: &[&str]) -> Output {
        let output = rcuctl(&["torture", "--parameters"])
            .arg(&self.0)
            .args(arguments)
            .output();
        output.expect("the program starts")
    }

    fn content(&self, file: &str) -> String {
        std::fs::read_to_string(self.0.join(file)).expect("still there")
    }
}

impl Drop for Parameters {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).expect("still there");
    }
}

const FAILED: &str = "state idle\nverdict FAILURE\nruns 1\ntype rcu\nbug none\nseconds 5\nreads 500\n\
                      pipe 499 0 1\nerrors 1\n\
                      error 1 reader found an element that was retired grace periods ago; the most 2\n";

#[test]
fn torture_without_the_module_asks_for_it() {
    let output = run(&["torture", "--parameters", "/sys/module/no_such/parameters"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        "rcuctl: no /sys/module/no_such/parameters: is the module loaded? sudo insmod rust_rcu_demo.ko\n"
    );
}

#[test]
fn torture_of_a_module_that_has_none_says_so() {
    let parameters = Parameters::new("old", &[("reclaim", "call\n")]);
    for arguments in [&[][..], &["--status"], &["--stop"]] {
        let output = parameters.torture(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(
            stderr(&output).contains("no parameter torture: it is older"),
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn torture_status_is_shown_and_is_no_verdict() {
    let parameters = Parameters::new("status", &[("torture", FAILED)]);
    let output = parameters.torture(&["--status"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.starts_with("FAILURE: 1 error in 5 s\n"), "{text}");
    assert!(
        text.contains("ERROR: a grace period had ended since"),
        "{text}"
    );

    let output = parameters.torture(&["--status", "--json"]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("valid JSON");
    assert_eq!(document["verdict"], "FAILURE");
    assert_eq!(document["findings"][0]["count"], 1);
    assert_eq!(document["rates"]["reads"], 100);
}

#[test]
fn torture_leaves_a_run_of_others_alone() {
    let running = FAILED.replace("idle", "running");
    let parameters = Parameters::new("busy", &[("torture", &running), ("shutdown_secs", "7\n")]);
    let output = parameters.torture(&["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).expect("valid JSON");
    assert_eq!(error["error"]["errno"], "EBUSY");
    assert_eq!(parameters.content("torture"), running);
    assert_eq!(parameters.content("shutdown_secs"), "7\n");
}

#[test]
fn torture_puts_back_what_it_set_when_a_parameter_is_missing() {
    let files = [
        ("torture", FAILED),
        ("shutdown_secs", "7\n"),
        ("bug", "none\n"),
    ];
    let parameters = Parameters::new("refused", &files);
    let output = parameters.torture(&["--secs", "5", "--bug", "skip_gp", "--fake-writers", "2"]);
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

/// What the module says when a stall goes on.
const STALLED: &str = "state running\nkind tasks\ncpu 1\nhold_ms 24000\npid 93\ncomm stall_task\nseconds 3\nruns 5\n\
                       outcome none\nhas tasks yes\nhold tasks 12000\nexpect tasks rcu_tasks detected stalls\n\
                       has might_sleep no:CONFIG_X\nhold might_sleep 1000\nexpect might_sleep sleeping function\n";

fn stall(parameters: &Parameters, arguments: &[&str]) -> Output {
    let output = rcuctl(&["stall", "--parameters"])
        .arg(&parameters.0)
        .args(arguments)
        .output();
    output.expect("the program starts")
}

#[test]
fn stall_without_the_module_asks_for_it() {
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
fn stall_of_a_module_that_has_none_says_so() {
    let parameters = Parameters::new("stall-old", &[("reclaim", "call\n")]);
    let output = stall(&parameters, &["list"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("no parameter stall: it is older"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn stall_explains_without_the_module() {
    let output = run(&["stall", "explain", "tasks"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("tasks"), "{}", stdout(&output));
}

#[test]
fn stall_lists_what_the_kernel_has() {
    let parameters = Parameters::new("stall-list", &[("stall", STALLED)]);
    let output = stall(&parameters, &["list"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.starts_with("KIND ") && text.contains("lacks CONFIG_X"),
        "{text}"
    );

    let output = stall(&parameters, &["list", "--json"]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("valid JSON");
    assert_eq!(document[0]["kind"], "tasks");
    assert_eq!(document[0]["has"], "yes");
    assert_eq!(document[1]["needs"], "CONFIG_X");
}

#[test]
fn stall_leaves_one_of_others_alone() {
    let files = [
        ("stall", STALLED),
        ("stall_cpu", "-1\n"),
        ("stall_hold_ms", "7\n"),
    ];
    let parameters = Parameters::new("stall-busy", &files);
    let output = stall(
        &parameters,
        &["run", "tasks", "--json", "--log", "/dev/null"],
    );
    assert_eq!(output.status.code(), Some(1));
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).expect("valid JSON");
    assert_eq!(error["error"]["errno"], "EBUSY");
    for (file, content) in files {
        assert_eq!(parameters.content(file), content);
    }
}

#[test]
fn stall_of_a_cpu_that_is_not_there_is_refused() {
    let files = [("stall", STALLED), ("stall_cpu", "-1\n")];
    let parameters = Parameters::new("stall-cpu", &files);
    let output = stall(&parameters, &["run", "tasks", "--cpu", "99999"]);
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
