// SPDX-License-Identifier: GPL-2.0

//! Explains the line of a stalled CPU.

use crate::event::{CpuDetail, CpuTime, Event, EventKind};
use crate::explain::Context;

pub(super) fn fill(event: &mut Event, detail: &CpuDetail) {
    let jiffies = event.t_jiffies;
    let is_expedited = event.kind == EventKind::RcuExpeditedStall;
    let mut add = |field: &str, value: String, meaning: &str| {
        event.add_field(format!("CPU {} {field}", detail.cpu), value, meaning);
    };
    if !detail.flags.is_empty() {
        let meaning = match is_expedited {
            true => expedited_flags(&detail.flags),
            false => flags(detail),
        };
        add("marks", detail.flags.clone(), &meaning);
    }
    if let Some(ticks) = detail.ticks_this_gp {
        add(
            "ticks this GP",
            ticks.to_string(),
            ticks_meaning(ticks, jiffies),
        );
    }
    if let Some(behind) = detail.gps_behind {
        let meaning = "grace periods that the CPU has not noticed: its RCU softirq or rcuc kthread has not run since";
        add("GPs behind", behind.to_string(), meaning);
    }
    if let Some(idle) = detail.idle.clone() {
        add("idle", idle, context_meaning(Context::of(detail)));
    }
    if let Some([before, now]) = detail.softirq {
        let meaning = match before == now {
            true => "RCU softirqs run when the CPU noticed the grace period, and now: none since, so softirqs or interrupts were disabled, or no work was pending",
            false => "RCU softirqs run when the CPU noticed the grace period, and now: some since",
        };
        add("softirq", format!("{before}/{now}"), meaning);
    }
    if let Some(fqs) = detail.fqs {
        let meaning = match fqs {
            0 => "force-quiescent-state scans in this grace period: none, so the grace-period kthread has not run",
            _ if jiffies.is_some_and(|t| fqs.saturating_mul(25) >= t) => "force-quiescent-state scans in this grace period: the grace-period kthread ran all the time",
            _ if jiffies.is_some_and(|t| fqs.saturating_mul(200) < t) => "force-quiescent-state scans in this grace period: few, so the grace-period kthread hardly ran",
            _ => "force-quiescent-state scans in this grace period: the grace-period kthread runs",
        };
        add("fqs", fqs.to_string(), meaning);
    }
    if let Some(starved) = detail.rcuc_starved_jiffies {
        let meaning = "jiffies since the CPU's rcuc kthread last ran, which invokes its callbacks";
        add("rcuc", starved.to_string(), meaning);
    }
    if detail.false_positive {
        let meaning =
            "the grace-period kthread is starved and this CPU is idle: it is not the culprit";
        add("(false positive?)", "yes".to_string(), meaning);
    }
    if let Some(times) = &detail.cputime {
        cputime(times, add);
    }
}

fn ticks_meaning(ticks: u64, jiffies: Option<u64>) -> &'static str {
    match jiffies {
        Some(t) if ticks.saturating_mul(2) >= t => {
            "clock interrupts handled in this grace period: about one per jiffy, so interrupts were enabled all the time"
        }
        Some(t) if ticks.saturating_mul(10) < t => {
            "clock interrupts handled in this grace period: few, so interrupts were disabled, the tick was stopped, or the CPU did not run"
        }
        _ => "clock interrupts handled in this grace period",
    }
}

fn context_meaning(context: Option<Context>) -> &'static str {
    match context {
        Some(Context::Idle) => {
            "RCU considers the CPU idle or in user mode: it should not block the grace period"
        }
        Some(Context::Interrupt) => "in an interrupt taken while the CPU was idle or in user mode",
        Some(Context::Kernel) => "in the kernel, in task context",
        Some(Context::InterruptInKernel) => {
            "in an interrupt taken while the kernel ran a task (the clock interrupt, if the CPU reports itself)"
        }
        None => "counter of idle entries / nesting in the kernel / nesting of interrupts",
    }
}

/// Explains the three offline states and the irq_work state.
fn flags(detail: &CpuDetail) -> String {
    let states = detail.flags.get(..3).unwrap_or(&detail.flags);
    let irq_work = match detail.irq_work {
        Some("ran") => {
            "an irq_work queued halfway through the time-out ran: interrupts were not disabled all the time"
        }
        Some("not run") => {
            "no irq_work was queued in this grace period: RCU has not tested whether interrupts are enabled"
        }
        Some("pending") => {
            "an irq_work queued halfway through the time-out is still pending: interrupts are disabled"
        }
        Some(_) => "irq_work is not built in",
        None => "the report does not show the state of interrupts",
    };
    let offline = "was offline when RCU's tree was initialized for the grace period";
    format!("{}; {irq_work}", offline_states(states, offline, &[]))
}

fn expedited_flags(flags: &str) -> String {
    let pending =
        "has not handled the interrupt that requests a quiescent state, or has not reported one";
    let offline = "was offline when the grace period began";
    offline_states(flags, offline, &[('D', pending)])
}

fn offline_states(flags: &str, offline: &str, further: &[(char, &str)]) -> String {
    let known = [
        ('O', "offline"),
        ('o', offline),
        ('N', "will be offline in the next grace period"),
    ];
    let states = known.iter().chain(further);
    let states: Vec<_> = states
        .filter(|(flag, _)| flags.contains(*flag))
        .map(|(_, meaning)| *meaning)
        .collect();
    match states.is_empty() {
        true => "online".to_string(),
        false => states.join("; "),
    }
}

fn cputime(times: &CpuTime, mut add: impl FnMut(&str, String, &str)) {
    let three = |[first, second, third]: &[i64; 3]| format!("{first} / {second} / {third}");
    if let Some(number) = &times.number {
        let meaning = match number {
            [0, 0, 0] => "interrupts, softirqs, context switches since half of the time-out: none",
            [_, _, 0] => "interrupts, softirqs, context switches since half of the time-out: no context switch",
            _ => "interrupts, softirqs, context switches since half of the time-out",
        };
        add("number", three(number), meaning);
    }
    if let Some(milliseconds) = &times.milliseconds {
        let period = times.period.unwrap_or_default();
        if milliseconds == &[0; 3] {
            let meaning = format!("ms in interrupts, softirqs, and kernel tasks, of {period} ms: none, because no clock interrupt accounted any; this says nothing on what the CPU ran");
            add("cputime", three(milliseconds), &meaning);
            return;
        }
        let names = ["interrupts", "softirqs", "kernel tasks"];
        let largest = milliseconds.iter().zip(names).max_by_key(|(ms, _)| **ms);
        let largest = largest.map_or("", |(_, name)| name);
        let meaning = format!(
            "ms in interrupts, softirqs, and kernel tasks, of {period} ms: most in {largest}"
        );
        add("cputime", three(milliseconds), &meaning);
    }
}
