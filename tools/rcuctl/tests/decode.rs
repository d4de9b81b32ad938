// SPDX-License-Identifier: GPL-2.0

//! Runs `rcuctl decode` and `rcuctl watch`: exit statuses, standard streams, files.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

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
    // Fails if the program exits without reading.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("the program exits")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The path of a file in the folder.
fn path(folder: &TempDir, name: &str) -> String {
    let path = folder.path().join(name);
    path.into_os_string().into_string().expect("an ASCII path")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a writable temporary folder")
}

#[test]
fn a_log_is_read_from_a_pipe_or_a_file() {
    let folder = folder();
    let file = path(&folder, "log");
    std::fs::write(&file, LOG).expect("writable");
    let piped = rcuctl(&["decode"], LOG);
    for output in [
        &rcuctl(&["decode", &file], ""),
        &rcuctl(&["decode", "-"], LOG),
    ] {
        assert!(output.status.success());
        assert_eq!(output.stdout, piped.stdout);
    }
    let text = stdout(&piped);
    let words = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("spinner (pid 57)") && text.contains("1 event: 1 rcu-cpu-stall"),
        "{text}"
    );
    assert!(!text.contains('\u{1b}'), "colours in a pipe: {text}");
}

#[test]
fn exit_code_reports_matching_events() {
    for (arguments, log, status) in [
        (&["decode"][..], LOG, 0),
        (&["decode"], "nothing\n", 0),
        (&["decode", "--exit-code"], LOG, 2),
        (&["decode", "--exit-code"], "nothing\n", 0),
        (&["decode", "--exit-code", "--kind", "oom"], LOG, 0),
        (&["decode", "/nowhere/log"], "", 1),
        (&["decode", "--kind", "unknown"], "", 1),
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
fn json_has_one_document_per_line() {
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
fn svg_writes_a_timeline() {
    let folder = folder();
    let file = path(&folder, "svg");
    let output = rcuctl(&["decode", "--svg", &file], LOG);
    assert!(output.status.success(), "{output:?}");
    let picture = std::fs::read_to_string(&file).expect("a picture");
    assert!(
        picture.starts_with("<svg") && picture.contains("CPU 1"),
        "{picture}"
    );
}

#[test]
fn watch_ends_at_the_end_of_the_log() {
    let folder = folder();
    let file = path(&folder, "kmsg");
    std::fs::write(&file, LOG).expect("writable");
    let output = rcuctl(&["--json", "watch", "--since-boot", "--log", &file], "");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(stdout(&output).lines().count(), 1, "{output:?}");
}

#[test]
fn watch_counts_events_and_runs_a_command_for_each() {
    let folder = folder();
    let (log, metrics, seen) = (
        path(&folder, "kmsg"),
        path(&folder, "rcu.prom"),
        path(&folder, "seen"),
    );
    let record = "3,339,363000000,-;INFO: task sh:57 blocked for more than 122 seconds.\n";
    std::fs::write(&log, record).expect("writable");
    let command = format!("echo \"$RCUCTL_KIND: $RCUCTL_CULPRIT\" >>{seen}; exit 1");
    let arguments = [
        "watch",
        "--since-boot",
        "--log",
        &log,
        "--prometheus",
        &metrics,
        "--on-event",
        &command,
    ];
    let output = rcuctl(&arguments, "");
    assert!(output.status.success(), "{output:?}");
    let warning = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        warning.contains("--on-event") && warning.contains("failed"),
        "{warning}"
    );
    let seen = std::fs::read_to_string(&seen).expect("the command ran");
    let culprit = "unknown: the log does not show what sh (pid 57) waits for";
    assert_eq!(seen, format!("hung-task: {culprit}\n"));
    let metrics = std::fs::read_to_string(&metrics).expect("metrics");
    assert!(
        metrics.contains("rcuctl_events_total{kind=\"hung-task\"} 1\n"),
        "{metrics}"
    );
    let refused = rcuctl(&["watch", "--prometheus", "rcu.txt"], "");
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
}

#[test]
fn a_closed_pipe_is_no_error() {
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
    let output = child.wait_with_output().expect("the program exits");
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
}

#[test]
fn svg_replaces_only_its_own_files() {
    let folder = folder();
    let log = path(&folder, "console.log");
    std::fs::write(&log, LOG).expect("writable");
    let refused = rcuctl(&["decode", "--svg", &log], LOG);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(message.contains("--force"), "{message}");
    assert_eq!(std::fs::read_to_string(&log).expect("the log"), LOG);
    let picture = path(&folder, "svg");
    for _ in 0..2 {
        assert!(rcuctl(&["decode", "--svg", &picture], LOG).status.success());
    }
    assert!(rcuctl(&["decode", "--force", "--svg", &log], LOG)
        .status
        .success());
    let replaced = std::fs::read_to_string(&log).expect("a picture");
    assert!(replaced.starts_with("<svg"), "{replaced}");
}

#[test]
fn html_writes_a_page_and_replaces_only_its_own_files() {
    let folder = folder();
    let log = path(&folder, "console.log");
    std::fs::write(&log, LOG).expect("writable");
    let refused = rcuctl(&["decode", "--html", &log], LOG);
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(
        message.contains("--html") && message.contains("--force"),
        "{message}"
    );
    assert_eq!(std::fs::read_to_string(&log).expect("the log"), LOG);
    let page = path(&folder, "page");
    for _ in 0..2 {
        let output = rcuctl(&["decode", "--html", &page, &log], "");
        assert!(stdout(&output).contains("1 event"), "{output:?}");
    }
    let html = std::fs::read_to_string(&page).expect("a page");
    assert!(
        html.starts_with("<!DOCTYPE html>") && html.contains("RIP: 0010:spin"),
        "{html}"
    );
}

#[test]
fn the_log_and_the_file_of_another_option_are_not_replaced() {
    let folder = folder();
    let file = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    std::fs::write(path(&folder, "log"), LOG).expect("writable");
    for line in [
        r#""$0" decode log --force --html log"#,
        r#"ln -f log other; "$0" decode log --force --svg ./other"#,
        r#""$0" decode --force --svg log <log"#,
        r#""$0" decode log --html new --svg new"#,
        r#""$0" decode log --force --html new --svg ../${PWD##*/}/new"#,
    ] {
        let output = shell(line, &folder);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{line}: {output:?}");
        assert!(message.contains("pass another name"), "{line}: {message}");
        assert_eq!((file("log").as_str(), file("new").as_str()), (LOG, ""));
    }
    let output = shell(
        r#""$0" decode log --html /dev/null --svg /dev/null"#,
        &folder,
    );
    assert!(output.status.success(), "{output:?}");
}

/// A recording of `rcuctl trace --raw`.
const RECORDING: &str = "# recorded by rcuctl trace\n\
    sh-57 [001] d..1. 100.000001: rcu_grace_period: rcu_preempt 289 start\n\
    sh-57 [001] d..1. 100.000900: rcu_grace_period: rcu_preempt 289 end\n";

#[test]
fn trace_replaces_only_its_own_files_but_not_its_input() {
    let folder = folder();
    let file = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("a file");
    std::fs::write(path(&folder, "rec"), RECORDING).expect("writable");
    std::fs::write(path(&folder, "notes"), LOG).expect("writable");
    for (line, part) in [
        (r#""$0" trace --from rec --html rec"#, "also the input"),
        (
            r#""$0" trace --from rec --force --svg rec"#,
            "also the input",
        ),
        (r#""$0" trace --from rec --html notes"#, "--force"),
        (r#""$0" trace --from rec --svg notes"#, "--force"),
        (r#""$0" trace --raw notes --seconds 1"#, "--force"),
        (r#""$0" trace demo reader --raw notes"#, "--force"),
        (r#""$0" trace --from rec --html new --svg new"#, "same file"),
    ] {
        let output = shell(line, &folder);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{line}: {output:?}");
        assert!(message.contains(part), "{line}: {message}");
        assert_eq!(
            (file("rec").as_str(), file("notes").as_str()),
            (RECORDING, LOG)
        );
        assert!(!folder.path().join("new").exists(), "{line}");
    }
    let draw = r#""$0" trace --from rec --svg svg --html html && "$0" trace --from rec --svg html --html svg"#;
    let output = shell(draw, &folder);
    assert!(output.status.success(), "{output:?}");
    assert!(file("html").starts_with("<svg"), "{}", file("html"));
    let output = shell(r#""$0" trace --from rec --force --svg notes"#, &folder);
    assert!(output.status.success(), "{output:?}");
    assert!(file("notes").starts_with("<svg"), "{}", file("notes"));
}

/// Runs a line of shell, in which `"$0"` is the program, with little memory and time.
fn shell(line: &str, folder: &TempDir) -> Output {
    let line = format!("ulimit -v 1000000; {line}");
    Command::new("timeout")
        .args(["20", "sh", "-c", &line, env!("CARGO_BIN_EXE_rcuctl")])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("the shell starts")
}

#[test]
fn html_writes_to_a_device_or_a_pipe_and_does_not_read_it() {
    let folder = folder();
    std::fs::write(path(&folder, "log"), LOG).expect("writable");
    let full = shell(r#""$0" decode log --html /dev/full"#, &folder);
    let message = String::from_utf8_lossy(&full.stderr).into_owned();
    assert_eq!(full.status.code(), Some(1), "{full:?}");
    assert!(message.contains("No space left on device"), "{message}");
    for line in [
        r#""$0" decode log --html /dev/stdout | cat"#,
        r#""$0" decode log --html /dev/stdout >out && cat out"#,
        r#"echo kept >old; "$0" decode log --html /dev/stdout >>old && cat old"#,
        r#"mkfifo pipe; "$0" decode log --html pipe & cat pipe; wait; test -p pipe"#,
    ] {
        let output = shell(line, &folder);
        let text = stdout(&output);
        assert!(output.status.success(), "{line}: {output:?}");
        for part in ["</html>", "1 event: 1 rcu-cpu-stall"] {
            assert!(text.contains(part), "{line}: {text}");
        }
        assert_eq!(text.contains("kept"), line.contains("kept"), "{text}");
    }
}

#[test]
fn several_logs_are_read_in_turn() {
    let folder = folder();
    let (first, second) = (path(&folder, "first"), path(&folder, "second"));
    std::fs::write(&first, LOG).expect("writable");
    std::fs::write(&second, "nothing\n").expect("writable");
    let text = stdout(&rcuctl(&["decode", &first, &second], ""));
    assert!(
        text.contains("first:\n") && text.contains("second:\n"),
        "{text}"
    );
    assert!(text.ends_with("1 event: 1 rcu-cpu-stall\n"), "{text}");
    let json = stdout(&rcuctl(&["--json", "decode", &first, &first], ""));
    assert_eq!(json.lines().count(), 2, "{json}");
    for line in json.lines() {
        let event: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(event["file"], first.as_str());
    }
}

#[test]
fn compressed_logs_and_folders_of_dumps_are_read() {
    let folder = folder();
    let logs = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../stall-decode/tests/compressed"
    );
    let plain = stdout(&rcuctl(&["decode", &format!("{logs}/two-parts.log")], ""));
    assert!(plain.contains("2 events"), "{plain}");
    for end in ["gz", "xz", "zst"] {
        let output = rcuctl(&["decode", &format!("{logs}/two-parts.log.{end}")], "");
        assert_eq!(stdout(&output), plain, "{end}");
    }
    std::fs::write(path(&folder, "vmcore-dmesg.txt"), LOG).expect("writable");
    let output = rcuctl(&["decode", &path(&folder, "")], "");
    assert!(stdout(&output).contains("1 event"), "{output:?}");
    let cut = std::fs::read(format!("{logs}/two-parts.log.gz")).expect("a log");
    std::fs::write(path(&folder, "cut.gz"), &cut[..cut.len() - 3]).expect("writable");
    let output = rcuctl(&["decode", &path(&folder, "cut.gz")], "");
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("cut.gz"), "{message}");
}

#[test]
fn normal_fields_are_folded_unless_verbose() {
    let log = LOG.replace("fqs=9", "fqs=2624");
    let short = stdout(&rcuctl(&["decode"], &log));
    let long = stdout(&rcuctl(&["decode", "--verbose"], &log));
    assert!(short.contains("normal: g 289"), "{short}");
    assert!(short.lines().count() <= 22, "{short}");
    assert!(
        long.contains("number of the grace period") && !long.contains("normal:"),
        "{long}"
    );
}
