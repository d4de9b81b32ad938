// SPDX-License-Identifier: GPL-2.0

//! Explains starvation of the grace-period kthread.

use super::{age, frozen, Explanation};
use crate::event::{Event, Kthread};

pub(super) fn summary(event: &Event) -> String {
    let kthread = event.kthread.clone().unwrap_or_default();
    let name = kthread.comm.as_deref().unwrap_or("RCU");
    let jiffies = kthread.starved_jiffies.or(kthread.timer_overdue_jiffies);
    let age = age(jiffies.unwrap_or_default(), event.seconds);
    let (waits_in, cpu_is_in) = match &event.culprit_frame {
        Some(function) if is_stack_of_kthread(event) => {
            (format!(" in {function}()"), String::new())
        }
        Some(function) => (String::new(), format!(", which is in {function}()")),
        None => (String::new(), String::new()),
    };
    let state = match kthread.task_state {
        _ if is_runnable(&kthread) => format!("is runnable{waits_in} but did not run"),
        Some(_) => format!("sleeps{waits_in} and was not woken"),
        None => format!("did not run{waits_in}"),
    };
    let last_ran = kthread.cpu.map_or(String::new(), |cpu| {
        format!("; it last ran on CPU {cpu}{cpu_is_in}")
    });
    format!("The grace-period kthread {name} {state} for {age}{last_ran}. No grace period ends until it runs.")
}

fn is_runnable(kthread: &Kthread) -> bool {
    matches!(kthread.task_state.as_deref(), Some("0x0" | "R"))
}

/// Returns whether the event's stack is the kthread's own, not that of its CPU.
fn is_stack_of_kthread(event: &Event) -> bool {
    let is_main_loop = |frame: &String| frame == "rcu_gp_kthread" || frame == "rcu_gp_fqs_loop";
    event.frames.iter().any(is_main_loop)
}

pub(super) fn explain(event: &Event, out: &mut Explanation) {
    let kthread = event.kthread.clone().unwrap_or_default();
    if event
        .seconds
        .is_some_and(|seconds| seconds > frozen::MAX_AGE)
    {
        out.cause("the whole machine stopped: the host stopped, paused, migrated or starved a virtual machine; see the report of the stall");
    }
    if is_runnable(&kthread) {
        let cpu = kthread.cpu;
        let cpu = cpu.map_or("its CPU".to_string(), |cpu| format!("CPU {cpu}"));
        out.cause(format!("{cpu} does not run it: a task of higher real-time priority, or a loop in the kernel or in interrupts, keeps that CPU"))
            .advise("Look at the stack of that CPU and at its real-time tasks (chrt -a -p). rcutree.kthread_prio= raises the kthread's priority.");
    } else {
        out.cause("the timer that wakes it did not fire, or its wakeup was lost: a CPU with interrupts disabled, an offline CPU that still has the timer, or a broken clock or idle driver")
            .advise("Look at the CPU whose timers are suspected. Try another clock source or idle driver (clocksource=, processor.max_cstate=1, nohz=off).");
    }
    out.cause("an emulator or a host is too slow for its guests")
        .advise("Memory that waits for a grace period accumulates until the kthread runs: expect the OOM killer.");
}
