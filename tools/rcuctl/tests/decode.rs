// SPDX-License-Identifier: GPL-2.0

//! `rcuctl decode` and `rcuctl watch` as programs: statuses, streams, files.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

const LOG: &str = "\
[  100.000000] rcu: INFO: rcu_preempt self-detected stall on CPU
[  100.000001] rcu: \t1-....: (5240 ticks this GP) idle=1234/1/0x4000000000000000 softirq=1/2 fqs=9
[  100.000002] rcu: \t(t=5250 jiffies g=289 q=2 ncpus=2)
[  100.000003] CPU: 1 UID: 0 PID: 57 Comm: spinner Not tainted 6.18.15 #1
[  100.000004] RIP: 0010:spin+0x12/0x20 [demo]
";

fn rcuctl(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rcuctl"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // It may have ended without reading.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("the program ends")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A file's path in the temporary folder, which is removed in the end.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("rcuctl-decode-{name}-{}", std::process::id())))
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("an ASCII path")
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_log_comes_by_pipe_or_file() {
    let file = Temporary::new("log");
    std::fs::write(&file.0, LOG).expect("a writable temporary folder");
    let piped = rcuctl(&["decode"], LOG);
    for output in [
        &rcuctl(&["decode", file.path()], ""),
        &rcuctl(&["decode", "-"], LOG),
    ] {
        assert!(output.status.success());
        assert_eq!(output.stdout, piped.stdout);
    }
    let text = stdout(&piped);
    assert!(
        text.contains("spinner (pid 57)") && text.contains("1 event: 1 rcu-cpu-stall"),
        "{text}"
    );
    assert!(!text.contains('\u{1b}'), "colours in a pipe: {text}");
}

#[test]
fn the_status_says_what_was_asked_for() {
    for (arguments, log, status) in [
        (&["decode"][..], LOG, 0),
        (&["decode"], "nothing\n", 0),
        (&["decode", "--exit-code"], LOG, 2),
        (&["decode", "--exit-code"], "nothing\n", 0),
        (&["decode", "--exit-code", "--kind", "oom"], LOG, 0),
        (&["decode", "/nowhere/log"], "", 1),
        (&["decode", "--kind", "headache"], "", 1),
        (&["decode", "--svg", "/nowhere/svg"], LOG, 1),
        (&["watch", "--log", "/nowhere/kmsg"], "", 1),
    ] {
        let output = rcuctl(arguments, log);
        assert_eq!(
            output.status.code(),
            Some(status),
            "{arguments:?}: {output:?}"
        );
    }
    let help = stdout(&rcuctl(&["decode", "--help"], ""));
    assert!(help.contains("Exit status:"), "{help}");
}

#[test]
fn json_is_a_document_a_line() {
    let twice = format!("{LOG}{}", LOG.replace("  100.", "  163."));
    let output = rcuctl(&["--json", "decode"], &twice);
    let text = stdout(&output);
    assert_eq!(text.lines().count(), 2, "{text}");
    for line in text.lines() {
        let event: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(event["culprit_frame"], "spin");
    }
}

#[test]
fn the_picture_is_written() {
    let file = Temporary::new("svg");
    let output = rcuctl(&["decode", "--svg", file.path()], LOG);
    assert!(output.status.success(), "{output:?}");
    let picture = std::fs::read_to_string(&file.0).expect("a picture");
    assert!(
        picture.starts_with("<svg") && picture.contains("CPU 1"),
        "{picture}"
    );
}

#[test]
fn a_log_that_ends_ends_the_watch() {
    let file = Temporary::new("kmsg");
    std::fs::write(&file.0, LOG).expect("a writable temporary folder");
    let output = rcuctl(
        &["--json", "watch", "--since-boot", "--log", file.path()],
        "",
    );
    assert!(output.status.success(), "{output:?}");
    assert_eq!(stdout(&output).lines().count(), 1, "{output:?}");
}

#[test]
fn nobody_who_reads_on_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rcuctl"))
        .args(["--json", "decode"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().expect("a pipe");
    for _ in 0..200 {
        if stdin.write_all(LOG.as_bytes()).is_err() {
            break;
        }
    }
    drop(stdin);
    let output = child.wait_with_output().expect("the program ends");
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
}
