// SPDX-License-Identifier: GPL-2.0

//! Explains soft and hard lockups.

use super::{called, cpus, duration, hints, in_function, lacks_code, tasks, verb, Explanation};
use crate::event::{Culprit, Event};

/// Seconds after which a watchdog reports at the latest: twice the largest watchdog_thresh.
const MAX_FIRST: f64 = 125.0;

pub(super) fn soft_summary(event: &Event) -> String {
    let seconds = event.seconds.map_or("long".to_string(), duration);
    format!(
        "{} has not scheduled for {seconds}: it runs {}{}.",
        cpus(event),
        tasks(event),
        in_function(event)
    )
}

pub(super) fn explain_soft(event: &Event, out: &mut Explanation) {
    // A stack that shows the loop needs no host that stopped.
    let is_late = event.repeats == 0
        && event.culprit_frame.is_none()
        && event.seconds.is_some_and(|s| s > MAX_FIRST)
        && !event.evidence.is_busy_in_kernel;
    if is_late && lacks_stack(event) {
        late(event, out);
        return;
    }
    for told in &event.evidence.story {
        out.cause(told.clone());
    }
    if event.evidence.is_in_user_mode {
        user_mode(event, out);
        return;
    }
    let spins = hints::spins_for_lock(event);
    match spins {
        true => out.spins(&place(event), event),
        false => out.cause(format!(
            "{} loops in the kernel without rescheduling, with interrupts enabled",
            place(event)
        )),
    };
    out.hint(event);
    if is_late {
        out.blame.sure = "guess";
        out.cause(late_cause(event));
    }
    // A CPU that its host did not run spends no time in the kernel.
    if !event.evidence.is_busy_in_kernel {
        out.cause("a virtual machine that its host did not run");
    }
    if lacks_stack(event) {
        if !event.evidence.story.is_empty() {
            out.blame(Culprit::Unknown, "unknown: several CPUs stopped at the same time, and the log does not show their stacks");
        }
        out.without_stack(event);
        return;
    }
    let is_in_softirq = hints::is_in_softirq(event);
    if is_in_softirq && !spins {
        out.cause("the loop runs in a softirq, on top of the task that it interrupted")
            .advise("Limit the work of that softirq or timer, or move it to a thread; code in a softirq must not sleep or reschedule.");
    } else if !spins && !hints::waits_for_cpu(event) {
        out.advise(format!("Look at the stack: shorten the loop of {}, or call cond_resched() in it. RCU reports the same CPU soon, if it has not yet.", place(event)));
    }
}

/// Explains a first report that comes later than the watchdog reports.
fn late(event: &Event, out: &mut Explanation) {
    out.blame(Culprit::Host, "the host, or whatever stopped the machine")
        .cause(late_cause(event))
        .cause("the log lacks the earlier reports of this lockup: then the CPU really loops")
        .advise("In a virtual machine, check the host at that time. If an earlier report exists, look at its stack.");
    out.blame.sure = "guess";
}

fn late_cause(event: &Event) -> String {
    let seconds = event.seconds.map_or(String::new(), duration);
    format!("the first report comes after {seconds}, although a watchdog reports within {MAX_FIRST:.0} s. Its timer did not run either: the host stopped, paused or migrated a virtual machine, the system was suspended, its clock jumped, or this log lacks earlier reports")
}

/// Explains a CPU that was in user mode when the watchdog fired.
fn user_mode(event: &Event, out: &mut Explanation) {
    let task = tasks(event);
    match event.evidence.is_guest {
        true => out.blame(Culprit::Host, "the host, which did not run the virtual CPU")
            .cause(format!("the CPU was in user mode, in {task}: no kernel code loops. The hypervisor did not run the virtual CPU for so long"))
            .advise("Check the load of the host, and steal time in the guest (`st` in top)."),
        false => out.blame(Culprit::Unknown, "unknown: the CPU was in user mode, so that its stack does not show the loop")
            .cause("the CPU was in user mode when the stack was dumped: the kernel loop has just ended, or the host did not run the virtual CPU")
            .advise("Look for another report of the same CPU, whose stack is in the kernel. In a virtual machine, check the load of the host."),
    };
}

/// Returns whether the log does not show where a CPU is stuck.
fn lacks_stack(event: &Event) -> bool {
    event.culprit_frame.is_none()
        && (event.frames.len() < 2 || lacks_code(event) && !hints::waits_for_cpu(event))
        && !event.evidence.is_in_user_mode
}

/// The function in which a CPU is stuck, or else the CPU.
fn place(event: &Event) -> String {
    match &event.culprit_frame {
        Some(function) => called(function),
        None => cpus(event),
    }
}

pub(super) fn hard_summary(event: &Event) -> String {
    let function = event.culprit_frame.as_ref();
    let stuck = function.map_or(String::new(), |function| {
        format!(", stuck in {}", called(function))
    });
    let handles = verb(event, "handles", "handle");
    let runs = match event.tasks.first() {
        Some(task) => format!(", running {task}"),
        None => String::new(),
    };
    let seconds = event
        .seconds
        .map(|seconds| format!(" for {}", duration(seconds)));
    let seconds = seconds.unwrap_or_default();
    format!(
        "{} {handles} no interrupts{seconds}{runs}{stuck}.",
        cpus(event)
    )
}

pub(super) fn explain_hard(event: &Event, out: &mut Explanation) {
    let context = match hints::is_in_interrupt(event) {
        true => "in the handler of an interrupt",
        false => "with interrupts disabled, or in the handler of an interrupt",
    };
    let place = place(event);
    match hints::spins_for_lock(event) {
        true => out.spins(&place, event),
        false => out.cause(format!("{place} loops, or waits for a lock, {context}")),
    }
    .hint(event)
    .cause("hardware or firmware that holds the CPU (SMI), or a CPU that failed");
    if event.symbol.is_none() && lacks_stack(event) {
        if let [_] = event.cpus.as_slice() {
            out.blame(
                Culprit::Cpu,
                format!("{}; the log does not show its code", cpus(event)),
            );
        }
        out.without_stack(event);
        return;
    }
    if lacks_code(event) {
        out.without_stack(event);
    } else if !hints::spins_for_lock(event) {
        out.advise("Look at the stack of the CPU: which loop there does not end, or for what does it wait?");
    }
}

#[cfg(test)]
mod tests {
    use crate::event::Culprit;
    use crate::tests::{decode, only};

    #[test]
    fn a_panic_after_a_soft_lockup_is_its_consequence() {
        let event = only(
            "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [kworker/1:1:57]\n\
             CPU: 1 UID: 0 PID: 57 Comm: kworker/1:1 Not tainted 6.18.15 #1\n\
             RIP: 0010:spin+0x1/0x2 [demo]\n\
             Kernel panic - not syncing: softlockup: hung tasks\n\
             CPU: 1 UID: 0 PID: 57 Comm: kworker/1:1 Tainted: G L 6.18.15 #1\n\
             Call Trace:\n\
             panic+0x1/0x2\n\
             watchdog_timer_fn+0x1/0x2\n",
        );
        assert_eq!(event.panic.as_deref(), Some("softlockup: hung tasks"));
        assert_eq!(event.culprit_frame.as_deref(), Some("spin"));
        assert!(event.causes[0].contains("spin() loops in the kernel"));
        assert!(event
            .causes
            .iter()
            .any(|cause| cause.contains("no second fault")));
        assert!(event
            .advice
            .iter()
            .any(|advice| advice.contains("softlockup_panic")));
    }

    #[test]
    fn a_lockup_without_a_stack_says_so() {
        let head = "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [foo:57]\n";
        let event = only(head);
        assert_eq!(event.blame.sure, "guess");
        assert!(event.causes.iter().any(|cause| cause.contains("no stack")));
        assert!(!event.advice.concat().contains("shorten the loop"));
        let event = only(&format!("{head}RIP: 0010:spin+0x1/0x2 [demo]\n"));
        assert_eq!(event.blame.sure, "likely");
        assert!(!event.causes.iter().any(|cause| cause.contains("no stack")));
    }

    #[test]
    fn user_mode_on_a_virtual_machine_blames_the_host() {
        let of = |machine: &str| {
            only(&format!(
                "BUG: soft lockup - CPU#0 stuck for 21s! [v2ray:1272]\n\
                 CPU: 0 PID: 1272 Comm: v2ray Not tainted 3.16.0-4-amd64 #1\n\
                 Hardware name: {machine}\n\
                 RIP: 0033:[<0000000000420198>]  [<0000000000420198>] 0x420198\n"
            ))
        };
        assert_eq!(of("QEMU Standard PC").blame.culprit, Culprit::Host);
        let event = of("Dell Inc. PowerEdge R640");
        assert_eq!(
            (event.blame.culprit, event.blame.sure),
            (Culprit::Unknown, "guess")
        );
    }

    #[test]
    fn a_first_report_later_than_a_watchdog_reports_means_a_stopped_machine() {
        let of = |seconds: u32| {
            only(&format!(
                "watchdog: BUG: soft lockup - CPU#1 stuck for {seconds}s! [CPU 0/KVM:31664]\n"
            ))
        };
        assert_eq!(of(2471).blame.culprit, Culprit::Host);
        assert_eq!(of(22).blame.culprit, Culprit::Task);
    }

    #[test]
    fn cpus_that_lock_up_at_the_same_time_are_one_incident() {
        let lockup = |second: u32, cpu: u32| {
            format!("[{second:5}.000000] watchdog: BUG: soft lockup - CPU#{cpu} stuck for 22s! [foo:{cpu}]\n")
        };
        let events = decode(&(lockup(100, 1) + &lockup(101, 2) + &lockup(160, 3)));
        let incidents: Vec<_> = events.iter().map(|event| event.incident).collect();
        assert_eq!(incidents, [1, 1, 2]);
        assert!(events[1].causes[0].contains("at the same time CPU 1 stopped"));
        assert_eq!(events[1].blame.culprit, Culprit::Unknown);
    }

    #[test]
    fn a_cpu_that_spins_for_a_lock_has_no_loop_to_shorten() {
        let event = only(
            "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [foo:57]\n\
             RIP: 0010:native_queued_spin_lock_slowpath+0x1/0x2\n\
             Call Trace:\n\
             _raw_spin_lock+0x1/0x2\n\
             foo_poll+0x1/0x2\n\
             vfs_ioctl+0x1/0x2\n",
        );
        assert!(event.causes[0].contains("foo_poll() waits for a spinlock"));
        assert!(!event.advice.concat().contains("cond_resched"));
    }

    #[test]
    fn a_crash_before_a_lockup_comes_first() {
        let lockup = "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [foo:57]\n\
                      RIP: 0010:foo_poll+0x1/0x2\n";
        let event = decode(&format!("Oops: 0002 [#1] SMP\n{lockup}")).remove(0);
        assert!(
            event.advice[0].contains("first crash"),
            "{:?}",
            event.advice
        );
        let tainted = "CPU: 1 PID: 57 Comm: foo Tainted: G      D W 3.13.0 #57\n";
        let event = only(&format!("{lockup}{tainted}"));
        assert!(
            event.advice[0].contains("first crash"),
            "{:?}",
            event.advice
        );
        assert!(!only(lockup).advice[0].contains("first crash"));
    }

    #[test]
    fn a_panic_on_a_hard_lockup_names_the_cpu_that_locked_up() {
        let event = only(
            "Kernel panic - not syncing: Watchdog detected hard LOCKUP on cpu 0\n\
             CPU: 7 PID: 0 Comm: swapper/7 Tainted: G S 5.4.25 #100\n\
             Call trace:\n\
             panic+0x168/0x370\n\
             watchdog_timer_fn+0x68/0x290\n\
             el1_irq+0xbc/0x180\n\
             arch_cpu_idle+0x3c/0x5c\n",
        );
        assert_eq!(event.cpus, [0]);
        assert_eq!(event.blame.text, "CPU 0; the log does not show its code");
    }

    #[test]
    fn a_hard_lockup_without_a_stack_is_a_guess() {
        let event = only("NMI watchdog: Watchdog detected hard LOCKUP on cpu 79\n");
        assert_eq!(event.blame.sure, "guess");
        assert!(event.causes.concat().contains("no stack"));
    }

    #[test]
    fn a_cut_stack_that_waits_for_another_cpu_blames_that_cpu() {
        for (function, what) in [
            ("multi_cpu_stop", "stop_machine"),
            ("smp_call_function_many_cond", "answer an interrupt"),
        ] {
            let event = only(&format!(
                "watchdog: BUG: soft lockup - CPU#1 stuck for 41s! [migration/1:12]\n\
                 RIP: 0010:{function}+0x3c/0xc0\n"
            ));
            assert_eq!(event.blame.culprit, Culprit::Cpu);
            assert!(event.causes[0].contains(what), "{:?}", event.causes);
        }
    }

    #[test]
    fn a_culprit_that_prints_has_a_slow_console() {
        let trace = |inner: &str| {
            only(&format!(
                "watchdog: BUG: soft lockup - CPU#2 stuck for 23s! [foo:57]\n\
                 RIP: 0010:{inner}\n\
                 foo_scan_tasks+0x76/0x100\n"
            ))
        };
        for inner in [
            "console_unlock+0x343/0x540\nCall Trace:\nprintk+0x52/0x6e",
            "some_uart_poll+0x3/0x40\nCall Trace:\nsome_uart_write+0x1/0x2\nconsole_unlock+0x343/0x540",
        ] {
            let event = trace(inner);
            assert_eq!(event.culprit_frame.as_deref(), Some("foo_scan_tasks"));
            assert!(event.causes.concat().contains("slow console"));
        }
        let other = trace("foo_count+0x343/0x540\nCall Trace:");
        assert!(!other.causes.concat().contains("slow console"));
    }

    #[test]
    fn a_wait_for_another_cpu_blames_that_cpu() {
        let event = only(
            "watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [runc:57]\n\
             RIP: 0010:smp_call_function_single+0x135/0x170\n\
             Call Trace:\n\
             foo_snapshot_cpu+0x40/0x50\n\
             foo_open+0xe/0x20\n",
        );
        assert_eq!(event.culprit_frame.as_deref(), Some("foo_snapshot_cpu"));
        assert_eq!(event.blame.culprit, Culprit::Cpu);
        assert!(event.causes[0].contains("foo_snapshot_cpu() waits for another CPU"));
        assert!(!event.causes.concat().contains("without rescheduling"));
    }

    #[test]
    fn the_time_without_heartbeat_is_named() {
        let event = only(
            "watchdog: CPU 1 self-detected hard LOCKUP @ do_raw_spin_lock+0x140/0x230\n\
             watchdog: CPU 1 TB:75267453118, last heartbeat TB:69871699982 (10538ms ago)\n\
             CPU: 1 PID: 1733 Comm: systemd-udevd Not tainted 4.19.0-rc7+ #1\n\
             NIP [c0000000001c9f60] do_raw_spin_lock+0x140/0x230\n\
             Call Trace:\n\
             [c000003fe35b7080] [c0000000004a0100] foo_uevent+0x40/0x60\n",
        );
        assert_eq!(
            event.summary,
            "CPU 1 handles no interrupts for 10.5 s, running systemd-udevd (pid 1733), stuck in foo_uevent()."
        );
    }
}
