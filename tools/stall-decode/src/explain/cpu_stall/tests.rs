// SPDX-License-Identifier: GPL-2.0

//! Tests of cause, blame and advice of stalls.

use crate::tests::only;

fn stall(detail: &str) -> crate::Event {
    only(&format!(
        "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n\
         rcu: \t{detail}\n\
         rcu: \t(detected by 0, t=5252 jiffies, g=9, q=3 ncpus=2)\n"
    ))
}

fn first_cause(detail: &str) -> String {
    stall(detail).causes.remove(0)
}

#[test]
fn the_fields_of_a_cpu_select_the_first_cause() {
    let looping = first_cause(
        "1-....: (5240 ticks this GP) idle=1234/1/0x4000000000000000 softirq=1/2 fqs=9",
    );
    assert!(looping.contains("without rescheduling"), "{looping}");
    let irqs_off =
        first_cause("1-...!: (2 ticks this GP) idle=1234/1/0x4000000000000000 softirq=1/1 fqs=9");
    assert!(irqs_off.contains("interrupts disabled"), "{irqs_off}");
    let few =
        first_cause("1-....: (2 ticks this GP) idle=1234/1/0x4000000000000000 softirq=1/1 fqs=9");
    assert!(few.contains("few clock interrupts"), "{few}");
    let idle = first_cause("1-....: (2 ticks this GP) idle=1234/0/0x0 softirq=1/1 fqs=9");
    assert!(idle.contains("not to blame"), "{idle}");
    let task = first_cause("Tasks blocked on level-0 rcu_node (CPUs 0-1): P57/1:b..l");
    assert!(task.contains("inside rcu_read_lock()"), "{task}");
    let no_culprit = first_cause("nothing");
    assert!(no_culprit.contains("lists no CPU or task"), "{no_culprit}");
}

#[test]
fn a_blocked_task_that_the_report_does_not_list_is_still_to_blame() {
    let event = |tasks: &str| {
        only(&format!(
            "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n\
             {tasks}\
             rcu: \t(detected by 2, t=21010 jiffies, g=1809, q=1791)\n\
             rcu: All QSes seen, last rcu_preempt kthread activity 1 (4294918781-4294918780), jiffies_till_next_fqs=1, root ->qsmask 0x0\n"
        ))
    };
    let blocked = event("rcu: \tTasks blocked on level-0 rcu_node (CPUs 0-3):\n");
    assert!(
        blocked.causes[0].contains("inside rcu_read_lock()"),
        "{:?}",
        blocked.causes
    );
    assert!(
        blocked.advice[0].contains("expedited stall report"),
        "{:?}",
        blocked.advice
    );
    let over = event("");
    assert!(
        over.causes[0].contains("was about to end"),
        "{:?}",
        over.causes
    );
}

#[test]
fn a_time_out_of_minutes_is_no_stopped_machine() {
    // 240 s at 250 Hz: scans and clock interrupts went on.
    let event = only(
        "rcu: INFO: rcu_sched self-detected stall on CPU\n\
         rcu: \t1-....: (59990 ticks this GP) idle=217c/1/0x4000000000000000 softirq=5/5 fqs=25000\n\
         rcu: \t(t=60003 jiffies g=9 q=3 ncpus=2)\n",
    );
    assert!(
        event.causes[0].contains("without rescheduling"),
        "{:?}",
        event.causes
    );
}

#[test]
fn rcuc_is_not_starved_by_itself() {
    let causes = |comm: &str| {
        only(&format!(
            "rcu: INFO: rcu_preempt self-detected stall on CPU\n\
             rcu: \t1-....: (5249 ticks this GP) idle=217c/1/0x4000000000000000 softirq=5/5 fqs=2624 rcuc=5249 jiffies(starved)\n\
             rcu: \t(t=5250 jiffies g=9 q=3 ncpus=2)\n\
             CPU: 1 UID: 0 PID: 20 Comm: {comm} Not tainted 6.18.15 #1\n\
             RIP: 0010:free_all+0x31/0x60 [demo]\n"
        ))
        .causes
    };
    assert!(causes("rcuc/1")[0].contains("rcuc/1 itself runs"));
    assert!(causes("worker")[0].contains("cannot run while free_all() keeps the CPU"));
}

#[test]
fn a_log_that_ends_at_an_nmi_does_not_show_a_silent_cpu() {
    let report = "[  100.000000] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n\
                  [  100.000001] rcu: \t0-...0: (18 ticks this GP) idle=04f4/1/0x4000000000000000 softirq=1/1 fqs=3021\n\
                  [  100.000002] rcu: \t(detected by 3, t=15009 jiffies, g=9, q=3 ncpus=4)\n\
                  [  100.000003] Sending NMI from CPU 3 to CPUs 0:\n";
    let event = only(report);
    assert!(!event.blame.text.contains("answers nothing"), "{event:?}");
    let event = only(&format!("{report}[  110.000003] usb 1-1: reset\n"));
    assert!(event.blame.text.contains("answers nothing"), "{event:?}");
}

#[test]
fn cpus_that_an_nmi_asks_stall_if_the_list_is_lost() {
    let event = only(
        "[  215.244529] rcu:     (detected by 2, t=21017 jiffies, g=-951, q=287)\n\
         [  215.244541] Sending NMI from CPU 2 to CPUs 0:\n\
         [  225.245749] Sending NMI from CPU 2 to CPUs 1:\n\
         [  235.246962] usb 1-1: reset\n",
    );
    assert_eq!(event.cpus, [0, 1]);
    assert_eq!(event.blame.text, "CPUs 0 and 1, which answer nothing");
}
