// SPDX-License-Identifier: GPL-2.0

//! Explains starvation of the grace-period kthread.

use super::{age, called, frozen, Explanation};
use crate::event::{Culprit, Event, Kthread};

const MEMORY: &str = "Memory that waits for a grace period accumulates until the kthread runs: expect the OOM killer.";

pub(super) fn summary(event: &Event) -> String {
    let kthread = event.kthread.clone().unwrap_or_default();
    let name = kthread.comm.as_deref().unwrap_or("RCU");
    let jiffies = kthread.starved_jiffies.or(kthread.timer_overdue_jiffies);
    let age = age(jiffies.unwrap_or_default(), event.seconds);
    if own_wait(event, &kthread).is_some() {
        return format!("The grace-period kthread {name} did not run for {age}, while the report itself waited for the answer to an NMI.");
    }
    let about = match event.evidence.is_hz_guessed {
        true => "about ",
        false => "",
    };
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
    format!("The grace-period kthread {name} {state} for {about}{age}{last_ran}. No grace period ends until it runs.")
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
    if let Some(wait) = own_wait(event, &kthread) {
        out.blame(Culprit::OtherEvent, "the CPU that does not answer the NMI; see the report of the stall")
            .cause(format!("the kthread is not starved: the report itself waited {wait:.0} s for the answer of a CPU to an NMI, and the kthread could not run meanwhile"))
            .advise("Look at the CPU to which the NMI was sent and that did not answer. Ignore this report.");
        return;
    }
    if event.evidence.clock_behind.is_some() {
        out.blame(Culprit::Host, "the host, which did not run a vCPU");
        super::cpu_stall::clock_behind(event, out);
        out.advise(MEMORY);
        return;
    } else if event
        .seconds
        .is_some_and(|seconds| seconds > frozen::MAX_AGE)
    {
        out.blame(Culprit::Host, "the host, or whatever stopped the machine");
        out.cause("the whole machine stopped: the host stopped, paused, migrated or starved a virtual machine; see the report of the stall");
    }
    if out.blame.text.is_empty() {
        blame(event, &kthread, out);
    }
    if is_runnable(&kthread) {
        let cpu = kthread.cpu;
        let cpu = cpu.map_or("its CPU".to_string(), |cpu| format!("CPU {cpu}"));
        let runs = event.field("runs on its CPU");
        let runs = runs.map_or(String::new(), |task| format!(", but {}", task.value));
        out.cause(format!("{cpu} does not run it{runs}: a task of higher real-time priority, or a loop in the kernel or in interrupts, keeps that CPU"))
            .advise("Look at the stack of that CPU and at its real-time tasks (chrt -a -p). rcutree.kthread_prio= raises the kthread's priority.")
            .hint(event);
    } else if kthread.task_state.is_none() {
        out.cause("the log does not say whether the kthread was runnable: either other tasks kept its CPU, or the timer that wakes it did not come")
            .advise("Read the whole line (`->state=`, `->cpu=`) and the stacks after it from the source of the log.");
    } else {
        let on_cpu = match kthread.timer_cpu {
            Some(cpu) => format!(" on CPU {cpu}"),
            None => String::new(),
        };
        out.cause(format!("the timer that wakes it did not fire{on_cpu}, or its wakeup was lost: a CPU with interrupts disabled, an offline CPU that still has the timer, or a broken clock or idle driver"))
            .advise("Look at the CPU whose timers are suspected. Try another clock source or idle driver (clocksource=, processor.max_cstate=1, nohz=off).");
    }
    out.cause("an emulator or a host is too slow for its guests")
        .advise(MEMORY);
}

fn blame(event: &Event, kthread: &Kthread, out: &mut Explanation) {
    let on_cpu = kthread
        .cpu
        .map_or(String::new(), |cpu| format!(" on CPU {cpu}"));
    match &event.culprit_frame {
        Some(function) if !is_stack_of_kthread(event) => {
            out.blame(Culprit::Code, format!("{}{on_cpu}", called(function)));
        }
        _ if is_runnable(kthread) => {
            out.blame(
                Culprit::GpKthread,
                format!("whatever runs{on_cpu} instead of the kthread; the log does not show it"),
            );
        }
        _ if kthread.task_state.is_none() => {
            out.blame(
                Culprit::GpKthread,
                format!("unknown; the kthread did not run{on_cpu}"),
            );
            out.blame.sure = "guess";
        }
        _ => {
            out.blame(
                Culprit::GpKthread,
                format!("the timer or wakeup of the kthread{on_cpu}, which did not come"),
            );
        }
    };
}

/// Returns the seconds for which the report itself kept the kthread from running.
///
/// The CPU that reports a stall waits up to 10 s for each CPU that does not answer an NMI.
fn own_wait(event: &Event, kthread: &Kthread) -> Option<f64> {
    const RATES: [f64; 4] = [100.0, 250.0, 300.0, 1000.0];
    let wait = event.evidence.nmi_wait?;
    let starved = kthread.starved_jiffies? as f64;
    let is_equal = |hz: f64| (starved / hz / wait - 1.0).abs() < 0.1;
    let hz = event.hz.map(f64::from);
    let is_certain = !event.evidence.is_hz_guessed;
    let matches = match hz {
        // The kthread ran until the report waited.
        Some(hz) if starved / hz < wait => true,
        Some(hz) if is_certain => is_equal(hz),
        _ => RATES.into_iter().any(is_equal),
    };
    matches.then_some(wait)
}
