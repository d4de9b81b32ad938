// SPDX-License-Identifier: GPL-2.0

//! Tests of incidents.

use crate::tests::decode;

#[test]
fn reports_of_one_grace_period_and_its_waiters_are_one_incident() {
    let events = decode(
        "[  100.000000] rcu: INFO: rcu_preempt self-detected stall on CPU\n\
         [  100.000001] rcu: \t1-....: (5 ticks this GP) idle=1/2/0x3\n\
         [  100.000002] rcu: \t(t=5250 jiffies g=289 q=2)\n\
         [  163.000000] rcu: INFO: rcu_preempt self-detected stall on CPU\n\
         [  163.000001] rcu: \t1-....: (9 ticks this GP) idle=1/2/0x3\n\
         [  163.000002] rcu: \t(t=21003 jiffies g=289 q=2)\n\
         [  200.000000] INFO: task sh:57 blocked for more than 60 seconds.\n\
         [  200.000001] task:sh              state:D stack:0     pid:57    tgid:57    ppid:1      flags:0x0\n\
         [  200.000002] schedule+0x1/0x2\n\
         [  200.000003] synchronize_rcu+0x1/0x2\n\
         [  200.000003] sys_thing+0x1/0x2\n\
         [  201.000000] INFO: task other:58 blocked for more than 60 seconds.\n\
         [  300.000000] rcu: INFO: rcu_preempt self-detected stall on CPU\n\
         [  300.000001] rcu: \t1-....: (9 ticks this GP) idle=1/2/0x3\n\
         [  300.000002] rcu: \t(t=5250 jiffies g=301 q=2)\n",
    );
    let found: Vec<_> = events
        .iter()
        .map(|event| (event.incident, event.repeats))
        .collect();
    assert_eq!(found, [(1, 0), (1, 1), (1, 0), (2, 0), (3, 0)]);
    assert_eq!((events[0].hz, events[0].seconds), (Some(250), Some(21.0)));
    assert_eq!((events[1].hz, events[1].seconds), (Some(250), Some(84.0)));
}

const CALIBRATED: &str =
    "[    0.710489] Calibrating delay loop (skipped).. 4199.92 BogoMIPS (lpj=8399844)\n";

fn expedited(at: u32, t: u32) -> String {
    format!("[  {at}.000000] rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: {{ 1-.... }} {t} jiffies s: 77 root: 0x2/.\n")
}

fn normal(at: u32, t: u32) -> String {
    format!(
        "[  {at}.000000] rcu: INFO: rcu_preempt self-detected stall on CPU\n\
         [  {at}.000001] rcu: \t1-....: (5 ticks this GP) idle=1/2/0x3\n\
         [  {at}.000002] rcu: \t(t={t} jiffies g=289 q=2)\n"
    )
}

fn incidents(log: &str) -> Vec<u64> {
    decode(log).iter().map(|event| event.incident).collect()
}

#[test]
fn a_stall_that_began_after_the_last_report_is_another_incident() {
    // With the rate known, the stall's age shows whether it overlaps.
    assert_eq!(
        incidents(&format!(
            "{CALIBRATED}{}{}",
            expedited(100, 25),
            normal(105, 2000)
        )),
        [1, 1]
    );
    assert_eq!(
        incidents(&format!(
            "{CALIBRATED}{}{}",
            expedited(100, 25),
            normal(115, 2000)
        )),
        [1, 2]
    );
    assert_eq!(
        incidents(&format!("{}{}", expedited(100, 25), normal(115, 2000))),
        [1, 1]
    );
}

#[test]
fn the_logged_end_of_a_provoked_stall_ends_its_incident() {
    let end = "[  102.000000] rust_rcu_demo: stall: end expedited after 2000 ms: ended\n";
    let log = format!("{}{end}{}", expedited(100, 25), normal(105, 2000));
    let events = decode(&log);
    assert_eq!((events[0].incident, events[1].incident), (1, 2));
    assert_eq!(
        events[0].ended_at.as_ref().map(|time| time.clock),
        Some(102.0)
    );
    assert!(events[1].ended_at.is_none());
    // The same after its reports have ended.
    let unrelated = "[  141.000000] unrelated\n";
    let end = "[  142.000000] rust_rcu_demo: stall: end expedited after 42000 ms: ended\n";
    let log = format!(
        "{}{unrelated}{end}{}",
        expedited(100, 25),
        normal(150, 2000)
    );
    assert_eq!(incidents(&log), [1, 2]);
}

#[test]
fn a_task_that_waits_for_srcu_is_no_consequence_of_an_rcu_tasks_stall() {
    let hung = |function: &str| {
        format!(
            "[  100.000000] INFO: rcu_tasks detected stalls on tasks:\n\
             [  100.000001] 00000000c0ffee00: .. nvcsw: 2/2 holdout: 1 idle_cpu: -1/3\n\
             [  110.000000] INFO: task sh:57 blocked for more than 120 seconds.\n\
             [  110.000001] task:sh              state:D stack:0     pid:57    tgid:57    ppid:1      flags:0x0\n\
             [  110.000002] schedule+0x1/0x2\n\
             [  110.000003] {function}+0x1/0x2\n\
             [  110.000004] sys_thing+0x1/0x2\n"
        )
    };
    assert_eq!(incidents(&hung("synchronize_rcu_tasks")), [1, 1]);
    assert_eq!(incidents(&hung("__synchronize_srcu")), [1, 2]);
}

#[test]
fn a_report_may_mix_console_and_syslog_lines() {
    let event = crate::tests::only(
        "[  100.000000] rcu: INFO: rcu_preempt self-detected stall on CPU\n\
         2026-11-21T10:00:00+00:00 host systemd[1]: Started Something.\n\
         2026-11-21T10:00:00+00:00 host kernel: unrelated\n\
         [  100.000001] rcu: \t1-....: (5 ticks this GP) idle=1/2/0x3\n\
         [  100.000002] unrelated\n\
         [  100.000003] unrelated\n\
         2026-11-21T10:00:01+00:00 host kernel: unrelated\n\
         [  100.000004] rcu: \t(t=5250 jiffies g=289 q=2)\n",
    );
    assert_eq!((event.boot, event.t_jiffies), (1, Some(5250)));
}

#[test]
fn a_report_that_begins_a_boot_belongs_to_it() {
    let events = decode(
        "[ 9000.000000] unrelated\n\
         [  100.000000] rcu: INFO: rcu_preempt self-detected stall on CPU\n\
         [  100.000001] rcu: \t1-....: (5 ticks this GP) idle=1/2/0x3\n\
         [  100.000002] rcu: \t(t=5250 jiffies g=289 q=2)\n",
    );
    assert_eq!(events.len(), 1, "{events:#?}");
    assert_eq!((events[0].boot, events[0].t_jiffies), (2, Some(5250)));
}

#[test]
fn a_reboot_begins_another_incident() {
    let log = "[  100.000000] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [a:57]\n";
    let events = decode(&format!(
        "{log}[    0.000000] Linux version 6.18.15 (x@y)\n{log}"
    ));
    let found: Vec<_> = events
        .iter()
        .map(|event| (event.boot, event.incident))
        .collect();
    assert_eq!(found, [(1, 1), (2, 2)]);
    assert_eq!(events[1].kernel.as_deref(), Some("6.18.15"));
}
