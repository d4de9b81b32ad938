// SPDX-License-Identifier: GPL-2.0

//! Explains a CPU that stalls a grace period.

use super::kthread_ran;
use crate::event::{CpuDetail, Culprit, Event, Stack};
use crate::explain::{called, cpus, hints, list, verb, Context, Explanation};

/// Clock interrupts in the shortest time-out, 3 s, at the lowest tick rate, 100 Hz.
const MIN_TICKS: u64 = 300;

/// How many clock interrupts a CPU handled in the grace period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ticks {
    Many,
    Few,
    /// The report does not say: the CPU has not noticed the grace period.
    Unknown,
}

pub(super) fn explain(event: &Event, out: &mut Explanation) {
    let mut details = event.cpu_details.iter();
    let stalls = |detail: &&CpuDetail| {
        let is_known = detail.ticks_this_gp.is_some() || detail.gps_behind.is_some();
        let is_idle = detail.false_positive || Context::of(detail) == Some(Context::Idle);
        (is_known || detail.offline) && !is_idle
    };
    let Some(detail) = details.find(stalls) else {
        without_details(event, out);
        return;
    };
    if event.evidence.is_in_user_mode {
        user_mode(event, out);
    }
    rcuc(event, detail, out);
    stalled(event, detail, out);
    if kthread_ran(event) == Some(false) {
        out.cause("the grace-period kthread did not run either: it made few force-quiescent-state scans, or none, in this grace period")
            .advise("See the report on the grace-period kthread, if one follows.");
    }
    super::clock_behind(event, out);
}

/// The place in the code, or else the CPU.
fn place(event: &Event, cpu: u32) -> String {
    match &event.culprit_frame {
        Some(function) => called(function),
        None => format!("CPU {cpu}"),
    }
}

fn blame(event: &Event, cpu: u32, out: &mut Explanation) {
    match &event.culprit_frame {
        Some(function) => out.blame(Culprit::Code, format!("{} on CPU {cpu}", called(function))),
        None => out.blame(
            Culprit::Cpu,
            match event.cpus.as_slice() {
                [_, _, ..] => format!("{}; the log does not show their code", cpus(event)),
                _ => format!("CPU {cpu}; the log does not show its code"),
            },
        ),
    };
}

/// Explains a stall of 0 jiffies.
fn no_time(out: &mut Explanation) {
    out.blame(Culprit::Nobody, "nobody: no grace period stalls within 0 jiffies")
        .cause("a false alarm: t=0 says that the grace period had just begun. Old kernels report it if a CPU wakes from a long idle time")
        .advise("Ignore it, or update the kernel.");
}

/// Explains a CPU of a report of old kernels, which print only its number.
fn without_details(event: &Event, out: &mut Explanation) {
    let Some(&cpu) = event.cpus.first() else {
        return;
    };
    if event.t_jiffies == Some(0) {
        no_time(out);
        return;
    }
    blame(event, cpu, out);
    match &event.culprit_frame {
        _ if event.evidence.silent_cpus.contains(&cpu) => {
            silent(event, cpu, out);
        }
        Some(function) => {
            looping(event, &called(function), out);
        }
        None if is_idle_task(event) => {
            out.blame(Culprit::Unknown, "unknown: the log does not say")
                .cause(format!("CPU {cpu} is idle, so that no code on it is to blame. Either the grace-period kthread does not run, or the CPU's clock interrupt is lost; the log does not say which"))
                .advise("Look at the grace-period kthread (`ps -eo pid,stat,comm | grep rcu_`) and at timers: does it run at all?");
        }
        None => {
            let (cpus, does) = (cpus(event), verb(event, "does", "do"));
            out.cause(format!("{cpus} {does} not reach a quiescent state: a loop in the kernel, disabled interrupts, or a CPU that does not run; the log does not say which"));
            detector(event, out);
        }
    }
}

fn is_idle_task(event: &Event) -> bool {
    let mut tasks = event.tasks.iter().filter_map(|task| task.comm.as_deref());
    tasks.any(|comm| comm.starts_with("swapper/"))
}

/// Notes that the only stack is that of the CPU that made the report.
fn detector(event: &Event, out: &mut Explanation) {
    let is_detector = |stack: &Stack| stack.of.contains("that made the report");
    if let (Some(cpu), true) = (event.detected_by, event.stacks.iter().any(is_detector)) {
        out.cause(format!("the stack in this report is that of CPU {cpu}, which only reported: it says nothing on the culprit"));
    }
}

fn looping(event: &Event, place: &str, out: &mut Explanation) {
    if hints::spins_for_lock(event) {
        out.spins(place, event);
        return;
    }
    if hints::is_in_interrupt(event) {
        out.cause(format!("{place} runs in the handler of an interrupt, which does not end, or comes again at once"))
            .advise("Look in /proc/interrupts for a count that grows fast. Shorten the handler, or move its work to a thread. Check what the handler waits for.");
        return;
    }
    out.cause(format!("{place} runs in the kernel without rescheduling: a long or endless loop, with preemption or softirqs disabled, or in a reader"));
    if event.culprit_frame.is_none() {
        // No code is known: the stack comes first.
        return;
    }
    out.advise("Shorten the loop, or leave the reader and call cond_resched() in it. Check what the loop waits for.");
}

fn stalled(event: &Event, detail: &CpuDetail, out: &mut Explanation) {
    let number = detail.cpu;
    if detail.offline {
        out.blame(Culprit::Cpu, format!("CPU {number}, which is offline"))
            .cause(format!(
                "CPU {number} is offline without RCU's knowledge, or is going offline"
            ))
            .advise("Look for CPU hotplug in the log before this report.");
        return;
    }
    if event.t_jiffies == Some(0) {
        no_time(out);
        return;
    }
    blame(event, number, out);
    let place = place(event, number);
    let is_pending = detail.irq_work == Some("pending");
    let context = Context::of(detail);
    match ticks(event, detail) {
        _ if event.evidence.silent_cpus.contains(&number) => silent(event, number, out),
        _ if hints::is_in_firmware(event) => firmware(event, &place, out),
        Ticks::Many if context == Some(Context::Interrupt) && event.culprit_frame.is_none() => {
            from_idle(event, detail, out);
        }
        Ticks::Few if context == Some(Context::Interrupt) && hints::is_in_softirq(event) => {
            out.cause(format!("{place} runs in a long softirq. The softirq began while CPU {number} was idle with its tick stopped, hence the few clock interrupts"))
                .advise("Shorten the softirq, or move its work to a kthread.");
        }
        _ if is_pending => irqs_disabled(number, &place, detail, out),
        Ticks::Few if detail.irq_work == Some("not run") => few_and_unasked(number, &place, out),
        Ticks::Few if detail.irq_work == Some("ran") && event.self_detected != Some(true) => {
            out.cause(format!("CPU {number} handled few clock interrupts: interrupts were disabled for long, its tick was stopped (nohz_full), or the host did not run it"))
                .advise("In a virtual machine, check steal time and the host. On hardware, check for disabled interrupts and for a broken clock source.");
        }
        Ticks::Few => few(event, number, &place, out),
        Ticks::Unknown => behind(event, detail, &place, out),
        Ticks::Many => looping(event, &place, out),
    }
}

fn ticks(event: &Event, detail: &CpuDetail) -> Ticks {
    match (detail.ticks_this_gp, event.t_jiffies) {
        (Some(ticks), Some(t)) if ticks.saturating_mul(10) < t => Ticks::Few,
        (Some(..MIN_TICKS), None) => Ticks::Few,
        // The report has no totals, but that on its kthread has.
        (Some(ticks), None) if is_slow(event, ticks) => Ticks::Few,
        (Some(_), _) => Ticks::Many,
        (None, _) => Ticks::Unknown,
    }
}

fn firmware(event: &Event, place: &str, out: &mut Explanation) {
    let work = match &event.work {
        Some(work) if event.culprit_frame.as_ref() != Some(work) => {
            format!(" (work item {work}())")
        }
        _ => String::new(),
    };
    out.cause(format!("{place}{work} is in a call of the firmware, which does not return: the kernel does not see further"))
        .advise("Update the firmware. For EFI, efi=noruntime avoids its runtime services.");
}

/// Explains a CPU that was idle when the interrupt came that made the report.
fn from_idle(event: &Event, detail: &CpuDetail, out: &mut Explanation) {
    let cpu = detail.cpu;
    if kthread_ran(event) != Some(false) {
        out.cause(format!("CPU {cpu} was idle when an interrupt came: that interrupt, or a softirq after it, does not end. No task loops there"))
            .advise("Look at the softirqs and interrupts of that CPU (/proc/softirqs, /proc/interrupts).");
        return;
    }
    out.blame(Culprit::GpKthread, "unknown; the grace-period kthread did not run, so that it did not notice the idle CPU")
        .cause(format!("CPU {cpu} was idle when the interrupt came that made this report: no task loops there. The grace-period kthread did not notice, because its timer did not fire or its wakeup was lost"));
    match event.evidence.is_realtime || detail.softirq == Some([0, 0]) {
        true => out.advise(format!("On PREEMPT_RT, threads run the timers: look at ktimers/{cpu} and ksoftirqd/{cpu}, and at their priority. See the report on the grace-period kthread, if one follows.")),
        false => out.advise(format!("Look at the timers of CPU {cpu}, and see the report on the grace-period kthread, if one follows.")),
    };
}

/// Returns whether a CPU had few clock interrupts for the time in which the kthread did not run.
fn is_slow(event: &Event, ticks: u64) -> bool {
    let overdue = event.evidence.kthread_overdue.unwrap_or_default();
    overdue.unsigned_abs() > ticks.saturating_mul(10)
}

/// Explains a CPU that does not even answer an NMI.
fn silent(event: &Event, cpu: u32, out: &mut Explanation) {
    let wait = event
        .evidence
        .nmi_wait
        .map_or(String::new(), |wait| format!(" within {wait:.0} s"));
    let silent = &event.evidence.silent_cpus;
    let who = match silent.as_slice() {
        [_, _, ..] => {
            let numbers: Vec<_> = silent.iter().map(u32::to_string).collect();
            format!("CPUs {}, which answer nothing", list(&numbers))
        }
        _ => format!("CPU {cpu}, which answers nothing"),
    };
    out.blame(Culprit::Cpu, who)
        .cause(format!("CPU {cpu} did not answer the NMI that requested its stack{wait}: it has interrupts disabled where no NMI reaches it, firmware holds it, the host does not run it, or it failed"))
        .advise("In a virtual machine, check whether the host runs that vCPU. On hardware, check firmware (SMI), the machine-check log, and the hard-lockup detector.");
}

fn irqs_disabled(cpu: u32, place: &str, detail: &CpuDetail, out: &mut Explanation) {
    out.cause(format!("CPU {cpu} had interrupts disabled all the time, or did not run: {place} loops or waits with interrupts disabled, or firmware or the hypervisor holds the CPU"))
        .advise("Look for a loop between local_irq_disable() and local_irq_enable(), or under spin_lock_irqsave(). The hard-lockup detector shows its stack. In a virtual machine, check the load of the host.");
    let times = detail.cputime.as_ref();
    if times.is_some_and(|times| times.milliseconds == Some([0; 3])) {
        out.cause("the table of CPU times is empty, because no clock interrupt accounted any: it says nothing on what the CPU ran");
    }
}

/// Explains few clock interrupts on a CPU that RCU has not tested with an irq_work.
fn few_and_unasked(cpu: u32, place: &str, out: &mut Explanation) {
    out.cause(format!("CPU {cpu} handled few clock interrupts: interrupts disabled in {place}, a stopped tick, or a host that did not run it; RCU queued no irq_work that would tell"))
        .advise("Look for a loop between local_irq_disable() and local_irq_enable(), or under spin_lock_irqsave(). In a virtual machine, check steal time and the host.");
}

fn few(event: &Event, cpu: u32, place: &str, out: &mut Explanation) {
    if event.self_detected == Some(true) {
        out.cause(format!("CPU {cpu} handled few clock interrupts in this grace period, but handles them now, as it reports itself: {place} had interrupts disabled until now, the tick was stopped, or the host did not run the CPU"))
            .advise("In a virtual machine, check steal time and the host. On hardware, check for long sections with disabled interrupts.");
    } else {
        out.cause(format!("CPU {cpu} handled few clock interrupts: interrupts disabled in {place}, a stopped tick (nohz_full), or a host that did not run it"))
            .advise("Look for a loop with interrupts disabled. In a virtual machine, check steal time and the host.");
    }
}

/// Explains a CPU that has not noticed the grace period: its RCU softirq has not run.
fn behind(event: &Event, detail: &CpuDetail, place: &str, out: &mut Explanation) {
    let cpu = detail.cpu;
    let running = match kthread_ran(event) {
        Some(true) => "; the grace-period kthread scanned all the time, so the machine ran",
        _ => "",
    };
    if event.self_detected == Some(true) || detail.irq_work == Some("ran") {
        if hints::spins_for_lock(event) {
            out.spins(place, event);
            return;
        }
        let in_softirq = match hints::is_in_softirq(event) {
            true => "runs in a softirq that does not end, so that RCU's own softirq waits behind it",
            false => "loops in a softirq, or with softirqs or preemption disabled, so that RCU's softirq does not run",
        };
        let irqs = "interrupts are enabled, as CPU";
        out.cause(format!("{place} {in_softirq}: {irqs} {cpu} handles its clock interrupt{running}"))
            .advise("Shorten the work that runs there: limit the batch, or move it to a kthread that reschedules.");
    } else if kthread_ran(event) == Some(false) && event.culprit_frame.is_none() {
        out.blame.sure = "guess";
        out.cause(format!("the grace-period kthread did not scan, so that CPU {cpu} was hardly asked for a quiescent state. The log shows no loop there"))
            .advise("Look at the report on the grace-period kthread first: its timer or its wakeup was lost.");
    } else {
        out.cause(format!("CPU {cpu} has not noticed this grace period: {place} loops with softirqs or interrupts disabled{running}"))
            .advise("Look at the stack: end the section with disabled softirqs or interrupts earlier. The hard-lockup detector tells whether interrupts are disabled.");
    }
}

/// Explains a starved rcuc kthread, by what runs instead.
fn rcuc(event: &Event, detail: &CpuDetail, out: &mut Explanation) {
    if detail.rcuc_starved_jiffies.is_none() {
        return;
    }
    let cpu = detail.cpu;
    let mut tasks = event.tasks.iter().filter_map(|task| task.comm.as_deref());
    let is_rcuc = tasks.any(|comm| comm.starts_with("rcuc/"));
    if is_rcuc {
        out.cause(format!("rcuc/{cpu} itself runs: a callback that it invokes loops, waits for a lock, or there are too many callbacks"))
            .advise("Look at the callback in the stack of rcuc. Its priority is not the problem.");
    } else if event.culprit_frame.is_some() && !event.evidence.is_in_user_mode {
        let place = place(event, cpu);
        out.cause(format!("the rcuc kthread of CPU {cpu} cannot run while {place} keeps the CPU: with preemption disabled, or at a real-time priority above rcuc's"))
            .advise("If the task is real-time, raise the priority of rcuc (rcutree.kthread_prio=). Otherwise end the section with disabled preemption.");
    } else {
        out.cause(format!("real-time tasks keep the rcuc kthread of CPU {cpu} from running"))
            .advise("Raise the priority of rcuc (rcutree.kthread_prio=), or give the real-time task less CPU time.");
    }
}

/// Explains a CPU that runs user mode all the time.
fn user_mode(event: &Event, out: &mut Explanation) {
    let task = event
        .tasks
        .first()
        .map_or("a task".to_string(), ToString::to_string);
    out.blame(Culprit::Task, format!("{task}, in user mode"))
        .cause(format!("{task} runs in user mode: the kernel code is not to blame. A task of real-time priority keeps RCU's kthreads or softirqs from running, or the tick is stopped (nohz_full)"))
        .advise("Give the task less CPU time, or a priority below RCU's kthreads (chrt -p; rcutree.kthread_prio=).");
}
