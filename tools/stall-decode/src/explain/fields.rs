// SPDX-License-Identifier: GPL-2.0

//! The fields of a report, each with its value and its meaning.

use super::{whereabouts, Whereabouts};
use crate::event::{CpuDetail, Event, EventKind, Kthread};

/// Puts the fields that all reports of a kind have before those that the parser found.
pub(super) fn fill(event: &mut Event) {
    let found = std::mem::take(&mut event.fields);
    totals(event);
    for detail in event.cpu_details.clone() {
        cpu(event, &detail);
    }
    for task in event.tasks.clone() {
        if let Some(nesting) = task.nesting {
            let name = format!("P{}", task.pid.unwrap_or_default());
            let value = format!("/{nesting}:{}", task.flags.join(", "));
            let meaning = format!(
                "a task that blocks the grace period; its readers are nested {nesting} deep"
            );
            event.add_field(name, value, meaning);
        }
    }
    if let Some(thread) = event.kthread.clone() {
        kthread(event, &thread);
    }
    for field in found {
        event.add_field(field.name, field.value, field.meaning);
    }
}

fn totals(event: &mut Event) {
    if let Some(jiffies) = event.t_jiffies {
        let hz = event.hz.map_or(String::new(), |hz| {
            format!("; {hz} jiffies are a second here")
        });
        let meaning = match event.kind {
            EventKind::RcuExpeditedStall => "jiffies since the expedited grace period began",
            _ => "jiffies since the grace period began",
        };
        event.add_field("t", jiffies.to_string(), format!("{meaning}{hz}"));
    }
    match (event.kind, event.gp_seq) {
        (EventKind::RcuExpeditedStall, Some(sequence)) => {
            let state = if sequence % 2 != 0 {
                "odd: under way"
            } else {
                "even: between two of them"
            };
            let meaning = format!("number of the expedited grace period ({state})");
            event.add_field("s", sequence.to_string(), meaning);
        }
        (EventKind::RcuCpuStall, Some(sequence)) => {
            let meaning =
                "number of the grace period: reports with the same one are of the same stall";
            event.add_field("g", sequence.to_string(), meaning);
        }
        _ => (),
    }
    if let Some(callbacks) = event.callbacks {
        let much = if callbacks > 100_000 {
            "; memory is running out behind this stall"
        } else {
            ""
        };
        let meaning =
            format!("callbacks that wait on all CPUs: what they would free is still in use{much}");
        event.add_field("q", callbacks.to_string(), meaning);
    }
    if let Some(ncpus) = event.ncpus {
        event.add_field("ncpus", ncpus.to_string(), "CPUs online");
    }
    if let Some(cpu) = event.detected_by {
        event.add_field(
            "detected by",
            format!("CPU {cpu}"),
            "the CPU that noticed; it is not to blame",
        );
    }
}

fn cpu(event: &mut Event, detail: &CpuDetail) {
    let name = |field: &str| format!("CPU {} {field}", detail.cpu);
    if !detail.flags.is_empty() {
        let meaning = match event.kind {
            EventKind::RcuExpeditedStall => expedited_flags(&detail.flags),
            _ => flags(detail),
        };
        event.add_field(name("marks"), detail.flags.clone(), meaning);
    }
    if let Some(ticks) = detail.ticks_this_gp {
        event.add_field(
            name("ticks this GP"),
            ticks.to_string(),
            ticks_mean(event, ticks),
        );
    }
    if let Some(behind) = detail.gps_behind {
        let meaning = "grace periods that this CPU has not heard of: it has not run RCU's part of the clock interrupt since";
        event.add_field(name("GPs behind"), behind.to_string(), meaning);
    }
    if let Some(idle) = detail.idle.clone() {
        let meaning = match whereabouts(detail) {
            Some(Whereabouts::Idle) => "RCU takes the CPU for idle or in user mode: it should not hold up anything",
            Some(Whereabouts::Interrupt) => "in an interrupt that came while the CPU was idle or in user mode",
            Some(Whereabouts::Kernel) => "in the kernel, in a task's context",
            Some(Whereabouts::InterruptInKernel) => "in an interrupt that came while the kernel ran a task (for a CPU that reports itself: the clock's)",
            None => "counter of idle entries / nesting of the kernel / nesting of interrupts",
        };
        event.add_field(name("idle"), idle, meaning);
    }
    if let Some([before, now]) = detail.softirq {
        let meaning = if before == now {
            "RCU softirqs when the CPU noticed the grace period, and now: none has run since, so softirqs or interrupts were off, or nothing was to be done"
        } else {
            "RCU softirqs when the CPU noticed the grace period, and now: some have run since"
        };
        event.add_field(name("softirq"), format!("{before}/{now}"), meaning);
    }
    if let Some(fqs) = detail.fqs {
        let meaning = if fqs == 0 {
            "scans for idle CPUs in this grace period: none, so the grace-period kthread has not run"
        } else {
            "scans for idle CPUs in this grace period: the grace-period kthread runs"
        };
        event.add_field(name("fqs"), fqs.to_string(), meaning);
    }
    if let Some(starved) = detail.rcuc_starved_jiffies {
        let meaning = "jiffies for which the CPU's rcuc kthread has not run: real-time tasks leave it no time";
        event.add_field(name("rcuc"), starved.to_string(), meaning);
    }
    if detail.false_positive {
        let meaning = "the kthread is starved and the CPU is idle: this CPU is not to blame";
        event.add_field(name("(false positive?)"), "yes", meaning);
    }
    cputime(event, detail);
}

fn ticks_mean(event: &Event, ticks: u64) -> &'static str {
    match event.t_jiffies {
        Some(t) if ticks.saturating_mul(2) >= t => {
            "clock interrupts that it took in this grace period: about one a jiffy, so interrupts were on all the time"
        }
        Some(t) if ticks.saturating_mul(10) < t => {
            "clock interrupts that it took in this grace period: few, so interrupts were off, the clock was stopped, or the CPU did not run"
        }
        _ => "clock interrupts that it took in this grace period",
    }
}

/// `O`/`o`/`N` are offline states, the fourth is the interrupt work.
fn flags(detail: &CpuDetail) -> String {
    let mut words = Vec::new();
    for (mark, meaning) in [
        (b'O', "offline"),
        (
            b'o',
            "was offline when RCU's tree was set up for the grace period",
        ),
        (b'N', "will be offline for the next grace period"),
    ] {
        if detail.flags.bytes().take(3).any(|byte| byte == mark) {
            words.push(meaning);
        }
    }
    if words.is_empty() {
        words.push("online");
    }
    words.push(match detail.irq_work {
        Some("ran") => "an interrupt sent half-way through was taken: interrupts were not off all the time",
        Some("not run") => "an interrupt sent half-way through was not taken by its turn: interrupts may have been off for long",
        Some("pending") => "an interrupt sent half-way through is still pending: interrupts are off",
        Some(_) => "interrupt work is not built in",
        None => "nothing is known of interrupts",
    });
    words.join("; ")
}

fn expedited_flags(flags: &str) -> String {
    let mut words = Vec::new();
    for (mark, meaning) in [
        ('O', "offline"),
        ('o', "was offline when the grace period began"),
        ('N', "will be offline for the next grace period"),
        ('D', "has not yet taken the interrupt that asks for a quiescent state, or has not answered it"),
    ] {
        if flags.contains(mark) {
            words.push(meaning);
        }
    }
    if words.is_empty() {
        words.push("online");
    }
    words.join("; ")
}

fn cputime(event: &mut Event, detail: &CpuDetail) {
    let Some(cputime) = &detail.cputime else {
        return;
    };
    let three = |values: &[i64; 3]| format!("{} / {} / {}", values[0], values[1], values[2]);
    if let Some(number) = &cputime.number {
        let meaning = if number[2] == 0 {
            "interrupts, softirqs, context switches since half of the time-out: it has not switched tasks"
        } else {
            "interrupts, softirqs, context switches since half of the time-out"
        };
        event.add_field(format!("CPU {} number", detail.cpu), three(number), meaning);
    }
    if let Some(milliseconds) = &cputime.milliseconds {
        let period = cputime.period.unwrap_or_default();
        let most = ["interrupts", "softirqs", "the kernel's tasks"];
        let largest = (0..3).max_by_key(|&at| milliseconds[at]).unwrap_or(0);
        let meaning = format!(
            "milliseconds in interrupts, softirqs, the kernel's tasks, of {period}: mostly in {}",
            most[largest]
        );
        event.add_field(
            format!("CPU {} cputime", detail.cpu),
            three(milliseconds),
            meaning,
        );
    }
}

fn kthread(event: &mut Event, kthread: &Kthread) {
    if let Some(starved) = kthread.starved_jiffies {
        event.add_field(
            "starved for",
            format!("{starved} jiffies"),
            "since the grace-period kthread last did anything",
        );
    }
    if let Some(overdue) = kthread.timer_overdue_jiffies {
        let meaning = "since the timer should have woken the grace-period kthread";
        event.add_field(
            "timer wakeup didn't happen for",
            format!("{overdue} jiffies"),
            meaning,
        );
    }
    if let Some(gp_seq) = kthread.gp_seq {
        event.add_field(
            "g",
            gp_seq.to_string(),
            "number of the grace period that it works on",
        );
    }
    if let Some(flags) = kthread.flags.clone() {
        let meaning = match flags.as_str() {
            "0x0" => "nothing is asked of it",
            "0x1" => "it is asked to begin a grace period",
            "0x2" => "it is asked to scan for idle CPUs at once",
            "0x3" => "it is asked to begin a grace period, and to scan for idle CPUs at once",
            _ => "what it is asked to do (1: begin a grace period, 2: scan for idle CPUs)",
        };
        event.add_field("f", flags, meaning);
    }
    if let Some(state) = kthread.wait_state.clone() {
        event.add_field("wait state", state.clone(), wait_state(&state));
    }
    if let Some(state) = kthread.task_state.clone() {
        event.add_field("->state", state.clone(), task_state(&state));
    }
    if let Some(cpu) = kthread.cpu {
        event.add_field("->cpu", cpu.to_string(), "the CPU that it ran on last");
    }
    if let Some(cpu) = kthread.timer_cpu {
        event.add_field(
            "timer handling on cpu",
            cpu.to_string(),
            "the CPU whose timers are suspected",
        );
    }
    if let Some(count) = kthread.timer_softirqs {
        let meaning = "timer softirqs of that CPU since boot: if a later report has the same number, its timers are dead";
        event.add_field("timer-softirq", count.to_string(), meaning);
    }
}

fn wait_state(state: &str) -> &'static str {
    let name = state.split('(').next().unwrap_or_default();
    match name {
        "RCU_GP_IDLE" => "it has nothing to do",
        "RCU_GP_WAIT_GPS" => "it waits for someone to want a grace period",
        "RCU_GP_DONE_GPS" => "it was woken to begin a grace period",
        "RCU_GP_ONOFF" => "it takes CPUs that came or went into account",
        "RCU_GP_INIT" => "it sets up a grace period",
        "RCU_GP_WAIT_FQS" => "it waits for its timer, to scan for idle CPUs next",
        "RCU_GP_DOING_FQS" => "it scans for idle CPUs",
        "RCU_GP_CLEANUP" | "RCU_GP_CLEANED" => "it ends a grace period",
        _ => "what it did last (numbers before 4.9: 1 waits for work, 3 waits to scan)",
    }
}

fn task_state(state: &str) -> &'static str {
    match state {
        "0x0" | "R" => "it could run, and is not given a CPU",
        "0x1" | "S" => "it sleeps, and nothing woke it",
        "0x2" | "D" => "it sleeps uninterruptibly, and nothing woke it",
        "0x402" | "I" => {
            "it sleeps idly, and nothing woke it: its timer did not fire, or its wakeup was lost"
        }
        "0x200" => "it is being woken",
        _ => "the state of its task",
    }
}
