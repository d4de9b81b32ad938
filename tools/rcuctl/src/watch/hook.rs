// SPDX-License-Identifier: GPL-2.0

//! Runs a command for an event.

use std::io::{self, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use stall_decode::Event;

/// The command's limit. Meanwhile the kernel keeps further lines.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Time between two checks whether the command has exited.
const POLL: Duration = Duration::from_millis(20);

/// Runs a shell command with an event. Its failure is a warning: the watch continues.
///
/// Text of the log is in variables and in standard input, never in the command itself.
pub fn run(command: &str, event: &Event) {
    if let Err(error) = try_to_run(command, event, TIMEOUT) {
        eprintln!("rcuctl: --on-event {command}: {error}");
    }
}

fn try_to_run(command: &str, event: &Event, timeout: Duration) -> Result<(), String> {
    let json = serde_json::to_vec(event).map_err(|error| error.to_string())?;
    let mut child = Command::new("/bin/sh")
        .args(["-c", command])
        .env("RCUCTL_KIND", event.kind.name())
        .env("RCUCTL_SUMMARY", &event.summary)
        .env("RCUCTL_CULPRIT", &event.blame.text)
        .env("RCUCTL_LINE", event.line.to_string())
        .stdin(Stdio::piped())
        // Standard output has the events.
        .stdout(Stdio::from(io::stderr()))
        .spawn()
        .map_err(|error| format!("starting /bin/sh: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that reads nothing closes the pipe, and one that hangs must not block the watch.
        thread::spawn(move || {
            let _ = stdin.write_all(&json);
        });
    }
    match wait(&mut child, timeout).map_err(|error| error.to_string())? {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(format!("the command failed: {status}")),
        None => Err(format!(
            "the command ran for more than {} s and was killed; let it start long work in the background",
            timeout.as_secs()
        )),
    }
}

/// Waits for a command. Kills it after `timeout`, and then returns `None`.
fn wait(child: &mut Child, timeout: Duration) -> io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() >= timeout {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Event {
        let mut event = Event::default();
        event.summary = "CPU 1; $(touch /nowhere) \"x\"".to_string();
        event.blame.text = "f() on CPU 1".to_string();
        event
    }

    fn result(command: &str) -> Result<(), String> {
        try_to_run(command, &event(), Duration::from_millis(500))
    }

    #[test]
    fn the_command_gets_the_event_as_variables_and_as_json() {
        let folder = tempfile::tempdir().expect("a writable temporary folder");
        let file = folder.path().join("out");
        let name = file.display();
        result(&format!(
            "printf '%s|%s|%s|%s\\n' \"$RCUCTL_KIND\" \"$RCUCTL_SUMMARY\" \"$RCUCTL_CULPRIT\" \"$RCUCTL_LINE\" >{name}; cat >>{name}"
        ))
        .expect("success");
        let text = std::fs::read_to_string(&file).expect("written");
        let (first, json) = text.split_once('\n').expect("two lines");
        assert_eq!(
            first,
            "rcu-cpu-stall|CPU 1; $(touch /nowhere) \"x\"|f() on CPU 1|0"
        );
        let json: serde_json::Value = serde_json::from_str(json).expect("JSON");
        assert_eq!(json["kind"], "rcu-cpu-stall");
    }

    #[test]
    fn a_command_that_fails_or_hangs_is_reported() {
        let failed = result("exit 3").expect_err("status 3");
        assert!(failed.contains('3'), "{failed}");
        let start = Instant::now();
        let hung = result("exec sleep 60").expect_err("it hangs");
        assert!(hung.contains("was killed"), "{hung}");
        assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_command_may_leave_its_input_unread() {
        result("exit 0").expect("success");
    }
}
