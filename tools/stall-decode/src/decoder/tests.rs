// SPDX-License-Identifier: GPL-2.0

use super::open::{MAX_OPEN, STALE_LINES};
use super::*;
use crate::tests::{decode, only};

const STALL: &str = "\
[  100.000000] rcu: INFO: rcu_preempt self-detected stall on CPU
[  100.000001] rcu: \t1-....: (5 ticks this GP) idle=1/2/0x3
[  100.000002] rcu: \t(t=5250 jiffies g=289 q=2)
";

fn decoder_after(log: &str) -> Decoder {
    let mut decoder = Decoder::new();
    for line in log.lines() {
        decoder.line(line.as_bytes());
    }
    decoder
}

#[test]
fn frames_without_offsets_are_read_after_the_head_of_a_trace() {
    let report = "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [foo:57]\n";
    let frames = "foo_poll\n? bar_left_over\nfoo_ioctl [foo]\nvfs_ioctl\n";
    let event = only(&format!("{report}Call Trace:\n{frames}"));
    assert_eq!(event.culprit_frame.as_deref(), Some("foo_poll"));
    assert_eq!(event.frames, ["foo_poll", "foo_ioctl", "vfs_ioctl"]);
    // Without the head, a word is no frame.
    let event = only(&format!("{report}{frames}"));
    assert!(event.frames.is_empty(), "{:?}", event.frames);
}

#[test]
fn a_first_line_that_breaks_anywhere_is_joined() {
    let event = only(
        ">>>   39.949198] rcu: INFO: rcu_preempt detected expedited stalls on\n\
         >>> CPUs/tasks: { } 28 jiffies s: 69 root: 0x0/.\n",
    );
    assert_eq!(event.t_jiffies, Some(28));
    assert_eq!(event.blame.culprit, crate::Culprit::Nobody);
    let event = only(
        ">>> INFO: rcu_sched_state detected stalls on CPUs/tasks: { 4 5 6} (detected\n\
         >>> by 1, t=2504 jiffies)\n",
    );
    assert_eq!((event.cpus.len(), event.detected_by), (3, Some(1)));
}

#[test]
fn the_name_of_a_hung_task_may_break_the_line() {
    let event = only(
        "[ 1052.080846][   T41] INFO: task foo\n\
         [ 1052.080846][   T41] bar:18088 blocked for more than 143 seconds.\n",
    );
    assert_eq!(event.tasks[0].pid, Some(18088));
}

#[test]
fn the_stack_of_another_report_is_ignored() {
    for mark in [
        "WARNING: CPU: 1 PID: 99 at net/core/dev.c:1 f+0x1/0x2",
        "------------[ cut here ]------------",
        "Kernel panic - not syncing: RCU Stall",
        "BUG: unable to handle page fault for address: 0000000000000000",
    ] {
        let event = only(&format!(
            "{STALL}[  100.000003] {mark}\n\
             [  100.000004] CPU: 1 PID: 99 Comm: other Not tainted 6.18.15 #1\n\
             [  100.000005] RIP: 0010:elsewhere+0x1/0x2\n"
        ));
        assert!(
            event.tasks.is_empty() && event.frames.is_empty(),
            "{mark}: {event:#?}"
        );
    }
}

#[test]
fn a_report_ends_after_a_time_or_number_of_lines_without_details() {
    let mut decoder = decoder_after(STALL);
    assert!(decoder.event().is_none() && decoder.is_open());
    decoder.line(b"[  139.000000] unrelated");
    assert!(decoder.event().is_none());
    decoder.line(b"[  141.000000] unrelated");
    assert!(decoder.event().is_some() && !decoder.is_open());
    let mut decoder = decoder_after(STALL);
    for _ in 0..STALE_LINES {
        decoder.line(b"unrelated");
    }
    assert!(decoder.event().is_none());
    decoder.line(b"unrelated");
    assert!(decoder.event().is_some());
}

#[test]
fn open_reports_have_a_limit() {
    let mut decoder = Decoder::new();
    for caller in 0..100 {
        let line = format!(
            "[  100.000000][ T{caller}] INFO: task a:{caller} blocked for more than 120 seconds."
        );
        decoder.line(line.as_bytes());
        assert!(decoder.open.reports.len() <= MAX_OPEN + 1);
    }
    assert!(decoder.event().is_some());
}

#[test]
fn caller_ids_separate_two_reports() {
    let events = decode(
        "[  100.000000][    C0] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [a:57]\n\
         [  100.000001][    C1] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [b:58]\n\
         [  100.000002][    C0] CPU: 0 PID: 57 Comm: a Not tainted 6.18.15 #1\n\
         [  100.000003][    C1] CPU: 1 PID: 58 Comm: b Not tainted 6.18.15 #1\n\
         [  100.000004][    C1] RIP: 0010:one+0x1/0x2\n\
         [  100.000005][    C0] RIP: 0010:zero+0x1/0x2\n\
         [  100.000006][    C0] zeroer+0x1/0x2\n\
         [  100.000007][    C1] oner+0x1/0x2\n",
    );
    let frames: Vec<_> = events.iter().map(|event| event.frames.join(" ")).collect();
    assert_eq!(frames, ["zero zeroer", "one oner"]);
}

#[test]
fn the_cpu_of_a_heading_selects_the_report_without_caller_ids() {
    let events = decode(&format!(
        "{STALL}[  100.000003] INFO: task sh:77 blocked for more than 30 seconds.\n\
         [  100.000004] NMI backtrace for cpu 1\n\
         [  100.000005] CPU: 1 PID: 57 Comm: spinner Not tainted 6.18.15 #1\n\
         [  100.000006] RIP: 0010:spin+0x1/0x2\n"
    ));
    assert_eq!(events[0].culprit_frame.as_deref(), Some("spin"));
    assert!(events[1].frames.is_empty());
}

#[test]
fn doubled_lines_are_one_report() {
    let doubled: Vec<_> = STALL.lines().flat_map(|line| [line, line]).collect();
    let doubled = doubled.join("\n");
    assert_eq!(only(&doubled).t_jiffies, Some(5250));
}
