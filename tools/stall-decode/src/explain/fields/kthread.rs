// SPDX-License-Identifier: GPL-2.0

//! Explains the lines on a starved grace-period kthread.

use crate::event::{Event, Kthread};

pub(super) fn fill(event: &mut Event, kthread: &Kthread) {
    if let Some(starved) = kthread.starved_jiffies {
        let meaning = "since the grace-period kthread last ran";
        event.add_field("starved for", format!("{starved} jiffies"), meaning);
    }
    if let Some(overdue) = kthread.timer_overdue_jiffies {
        let name = "timer wakeup didn't happen for";
        let meaning = "since the timer of the grace-period kthread was due";
        event.add_field(name, format!("{overdue} jiffies"), meaning);
    }
    if let Some(gp_seq) = kthread.gp_seq {
        event.add_field("g", gp_seq.to_string(), "number of its grace period");
    }
    if let Some(flags) = kthread.flags.clone() {
        let meaning = requests(&flags);
        event.add_field("f", flags, meaning);
    }
    if let Some(state) = kthread.wait_state.clone() {
        let meaning = wait_state(&state);
        event.add_field("wait state", state, meaning);
    }
    if let Some(state) = kthread.task_state.clone() {
        let meaning = task_state(&state);
        event.add_field("->state", state, meaning);
    }
    if let Some(cpu) = kthread.cpu {
        event.add_field("->cpu", cpu.to_string(), "the CPU on which it last ran");
    }
    if let Some(cpu) = kthread.timer_cpu {
        let meaning = "the CPU whose timers are suspected";
        event.add_field("timer handling on cpu", cpu.to_string(), meaning);
    }
    if let Some(count) = kthread.timer_softirqs {
        let meaning = "timer softirqs of that CPU since boot: if a later report has the same number, its timers have stopped";
        event.add_field("timer-softirq", count.to_string(), meaning);
    }
}

fn requests(flags: &str) -> &'static str {
    match flags {
        "0x0" => "nothing is requested of it",
        "0x1" => "it must start a grace period",
        "0x2" => "it must force quiescent states immediately",
        "0x3" => "it must start a grace period, and force quiescent states immediately",
        _ => "its requests (1: start a grace period, 2: force quiescent states)",
    }
}

fn wait_state(state: &str) -> &'static str {
    let name = state.split('(').next().unwrap_or_default();
    match name {
        "RCU_GP_IDLE" => "it has no work",
        "RCU_GP_WAIT_GPS" => "it waits for a request for a grace period",
        "RCU_GP_DONE_GPS" => "it was woken to start a grace period",
        "RCU_GP_ONOFF" => "it accounts for CPU hotplug",
        "RCU_GP_INIT" => "it initializes a grace period",
        "RCU_GP_WAIT_FQS" => "it waits for its timer before the next force-quiescent-state scan",
        "RCU_GP_DOING_FQS" => "it scans for quiescent states",
        "RCU_GP_CLEANUP" | "RCU_GP_CLEANED" => "it ends a grace period",
        _ => "its last step (numbers before 4.9: 1 waits for work, 3 waits to scan)",
    }
}

fn task_state(state: &str) -> &'static str {
    match state {
        "0x0" | "R" => "it is runnable, but no CPU runs it",
        "0x1" | "S" => "it sleeps and was not woken",
        "0x2" | "D" => "it sleeps uninterruptibly and was not woken",
        "0x402" | "I" => {
            "it sleeps idle and was not woken: its timer did not fire, or its wakeup was lost"
        }
        "0x200" => "it is being woken",
        _ => "the state of its task",
    }
}
