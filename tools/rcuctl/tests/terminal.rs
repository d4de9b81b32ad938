// SPDX-License-Identifier: GPL-2.0

//! Runs the program as a person at a terminal does: words of `ip`, Ctrl-C, 80 columns.

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn rcuctl(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rcuctl"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// The output of a command that succeeds.
fn printed(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{command:?}: {}", stderr(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The module's report when no stall is active.
const STALLS: &str = "state idle\nkind none\ncpu 1\nhold_ms 0\npid 0\ncomm -\nseconds 0\nruns 0\n\
                      outcome none\nhas tasks yes\nhold tasks 12000\nexpect tasks rcu_tasks detected stalls\n\
                      has might_sleep no:CONFIG_X\nhold might_sleep 1000\nexpect might_sleep sleeping function\n";

#[test]
fn show_accepts_the_words_and_options_of_ip() {
    // A command that only reads accepts a file as the device.
    let table = tempfile::NamedTempFile::new().expect("a writable temporary folder");
    let routes = "0.0.0.0/0 via 10.0.0.1 dev a\n10.0.0.1/32 dev b\n";
    std::fs::write(&table, routes).expect("writable");
    let device = table.path().to_str().expect("an ASCII path");
    let shown =
        |arguments: &[&str]| printed(&mut rcuctl(&[&["--device", device], arguments].concat()));
    let all = "default via 10.0.0.1 dev a\n10.0.0.1 dev b scope link\n";
    assert_eq!(shown(&["r"]), all);
    assert_eq!(shown(&["r", "s"]), all);
    assert_eq!(
        shown(&["route", "ls", "dev", "b"]),
        "10.0.0.1 dev b scope link\n"
    );
    assert_eq!(
        shown(&["r", "s", "--lo", "dev", "b"]),
        "10.0.0.1/32 dev b\n"
    );
    let pretty = shown(&["-j", "-p", "r"]);
    assert!(pretty.contains("\n  \"dst\": \"default\""), "{pretty}");
    let pretty: serde_json::Value = serde_json::from_str(&pretty).expect("valid JSON");
    let plain: serde_json::Value = serde_json::from_str(&shown(&["r", "-j"])).expect("valid JSON");
    assert_eq!(pretty, plain);
}

#[test]
fn a_bad_word_is_named_before_the_device_is_opened() {
    for (words, token) in [
        ("route get 300.1.1.1", "300.1.1.1"),
        ("route get 10.1.1.0/24", "10.1.1.0/24"),
        ("route get fe80::1%eth0", "fe80::1%eth0"),
        ("-6 route get 10.0.0.1", "10.0.0.1"),
        ("route add default via fe80::21bc6 dev a", "fe80::21bc6"),
        ("route add default dev a metric -1", "-1"),
        ("route show dev a via 300.1.1.1", "300.1.1.1"),
    ] {
        let words: Vec<_> = words.split(' ').collect();
        let output = rcuctl(&[&["--device", "/dev/no_such_device"], &words[..]].concat()).output();
        let output = output.expect("the program starts");
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        let text = stderr(&output);
        let named = format!("{token:?} is no ");
        assert!(
            text.starts_with("rcuctl: ") && text.contains(&named),
            "{text}"
        );
        assert!(
            !text.contains("no_such_device") && !text.contains("tip:"),
            "{text}"
        );
    }
}

/// Interrupts a load from a pipe after its first lines, and returns its output.
fn interrupted_load(options: &[&str]) -> Output {
    let arguments = [&["--device", "/dev/null", "route", "load"], options, &["-"]].concat();
    let mut child = rcuctl(&arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("piped");
    // More than a pipe holds: the last write returns when the program has read the first chunks.
    let lines = "10.0.0.0/8 dev a\n".repeat(40_000);
    stdin
        .write_all(lines.as_bytes())
        .expect("the program reads");
    let kill = format!("kill -INT {}", child.id());
    let killed = Command::new("sh").args(["-c", &kill]).status();
    assert!(killed.expect("sh starts").success());
    let output = child.wait_with_output().expect("the program exits");
    drop(stdin);
    output
}

#[test]
fn an_interrupted_load_names_its_routes_and_exits_130() {
    let output = interrupted_load(&[]);
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    let text = stderr(&output);
    assert!(text.contains("interrupted after "), "{text}");
    assert!(
        text.ends_with(" routes, which are in the table\n"),
        "{text}"
    );
    let output = interrupted_load(&["--atomic"]);
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(stderr(&output).ends_with("interrupted; no route was loaded\n"));
}

#[test]
fn text_is_as_wide_as_the_terminal() {
    let folder = tempfile::tempdir().expect("a writable temporary folder");
    let log = folder.path().join("log");
    let lines = "[  363.000000] INFO: task sh:57 blocked for more than 122 seconds.\n\
                 [  363.000001] task:sh              state:D stack:0     pid:57    tgid:57    ppid:1      flags:0x0\n\
                 [  363.000002] schedule+0x1/0x2\n[  363.000003] synchronize_rcu+0x1/0x2\n";
    std::fs::write(&log, lines).expect("writable");
    std::fs::write(folder.path().join("stall"), STALLS).expect("writable");
    let folder = folder.path().to_str().expect("an ASCII path");
    let log = log.to_str().expect("an ASCII path");
    let mut commands = vec![
        vec!["decode", log],
        vec!["decode", "--verbose", log],
        vec!["decode", "/dev/null"],
        vec!["stall", "list", "--parameters", folder],
        vec!["stall", "explain"],
    ];
    let kinds = printed(&mut rcuctl(&["stall", "explain"]));
    let kinds: Vec<_> = kinds
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(kinds.len() > 15, "{kinds:?}");
    commands.extend(kinds.iter().map(|kind| vec!["stall", "explain", kind]));
    for arguments in commands {
        let text = printed(rcuctl(&arguments).env("COLUMNS", "80"));
        // A word is not split.
        let is_too_wide = |line: &&str| line.chars().count() > 80 && line.trim().contains(' ');
        let wide: Vec<_> = text.lines().filter(is_too_wide).collect();
        assert!(wide.is_empty(), "{arguments:?}: {wide:#?}");
    }
}
