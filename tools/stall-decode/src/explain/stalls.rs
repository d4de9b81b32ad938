// SPDX-License-Identifier: GPL-2.0

//! Stalls, and the grace-period kthread: what happened, why, what next.

use super::{cpus, duration, hints, how_long, in_function, say, whereabouts, Lines, Whereabouts};
use crate::event::{CpuDetail, Event, EventKind, Task};

/// A stall whose first report comes so many seconds late was not measured by the kernel's own clock.
const FROZEN: f64 = 180.0;
/// The longest time-out at the highest tick rate.
const MAX_JIFFIES: u64 = 305_000;

pub(super) fn summary(event: &Event) -> String {
    let flavor = event.flavor.as_deref().unwrap_or("RCU");
    let what = match event.kind {
        EventKind::RcuExpeditedStall => format!("an expedited grace period of {flavor}"),
        _ => format!("a grace period of {flavor}"),
    };
    let long = how_long(event).map_or(String::new(), |long| format!(" for {long}"));
    let again = match event.repeats {
        0 => String::new(),
        count => format!(" (report {} of this stall)", count + 1),
    };
    let listed = listed_tasks(event);
    if event.kind == EventKind::RcuTasksStall && !listed.is_empty() {
        let at = match event.cpus.as_slice() {
            [] => String::new(),
            _ => format!(" on {}", cpus(event)),
        };
        let task = super::and(&listed.into_iter().take(8).collect::<Vec<_>>());
        return format!(
            "Task {task}{at} held up {what}{long}, {}{}{again}.",
            holds_up_tasks(event),
            in_function(event)
        );
    }
    if event.cpus.is_empty() && listed.is_empty() {
        return format!(
            "{} has not ended{long}, and the report names neither a CPU nor a task that holds it up{again}.",
            upper(&what)
        );
    }
    let mut who = Vec::new();
    if !event.cpus.is_empty() {
        who.push(cpus(event));
    }
    who.extend(listed.iter().take(8).map(ToString::to_string));
    let doing = if event.cpus.is_empty() {
        format!(" inside of rcu_read_lock(){}", in_function(event))
    } else {
        running(event)
    };
    let task = if event.cpus.is_empty() { "Task " } else { "" };
    let who = super::and(&who);
    format!("{task}{who} held up {what}{long}{doing}{again}.")
}

/// What the tasks do that RCU Tasks waits for, which depends on its flavor.
fn holds_up_tasks(event: &Event) -> &'static str {
    match is_trace(event) {
        true => "with a reader open",
        false => "not giving up the CPU of its own accord",
    }
}

fn is_trace(event: &Event) -> bool {
    let flavor = event.flavor.as_deref();
    flavor.is_some_and(|flavor| flavor.contains("trace"))
}

/// Tasks that hold up the grace period themselves, as against those that a CPU happened to run.
fn listed_tasks(event: &Event) -> Vec<String> {
    let is_listed = |task: &&Task| {
        task.nesting.is_some() || event.cpus.is_empty() || event.kind == EventKind::RcuTasksStall
    };
    event
        .tasks
        .iter()
        .filter(is_listed)
        .map(ToString::to_string)
        .collect()
}

/// `, running foo (pid 57) in spin()`
fn running(event: &Event) -> String {
    let task = event
        .tasks
        .iter()
        .find(|task| task.nesting.is_none() && task.comm.is_some());
    match task {
        // The idle task does nothing itself.
        Some(task) if task.pid == Some(0) && event.culprit_frame.is_some() => {
            format!(
                "{}, in an interrupt that came while it was idle",
                in_function(event)
            )
        }
        Some(task) => format!(", running {task}{}", in_function(event)),
        None if event.culprit_frame.is_some() => format!(", stuck{}", in_function(event)),
        None => String::new(),
    }
}

fn upper(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

pub(super) fn cpu_stall(event: &Event, causes: &mut Lines, advice: &mut Lines) {
    if event
        .message
        .as_deref()
        .is_some_and(|message| message.starts_with("suppressed"))
    {
        say(
            causes,
            "a CPU does not answer cross-CPU calls (a stuck CSD lock), which holds up RCU too",
        );
        say(
            advice,
            "Look at the CSD-lock report before this one: it names the CPU.",
        );
        return;
    }
    if let Some(why) = stood_still(event) {
        say_stood_still(event, why, causes, advice);
    }
    let nobody = event.cpus.is_empty() && event.tasks.is_empty();
    if nobody {
        say(causes, "all CPUs have passed through a quiescent state, but the grace-period kthread did not notice: it does not get to run, or its timer does not fire");
        say(
            advice,
            "Look at the report on the kthread that follows this one.",
        );
    }
    if event.ended {
        say(causes, "the stall ended while it was reported: the time-out was just too short, or the machine is overloaded");
    }
    let details = event.cpu_details.iter();
    for detail in details.filter(|detail| !detail.false_positive).take(1) {
        cpu(event, detail, causes, advice);
    }
    if event
        .cpu_details
        .iter()
        .any(|detail| detail.false_positive || detail.fqs == Some(0))
    {
        say(causes, "the grace-period kthread does not get to run (no scans in this grace period), so idle CPUs are not noticed");
        say(advice, "See what keeps the rcu kthread from running: real-time tasks on its CPU, a CPU that is stuck, or timers that do not fire.");
    }
    if event.tasks.iter().any(|task| task.nesting.is_some())
        || (event.cpus.is_empty() && !event.tasks.is_empty())
    {
        blocked(event, causes, advice);
    }
    if let Some((cause, hint)) = hints::of(event) {
        say(causes, cause);
        say(advice, hint);
    }
    fallback(event, causes, advice);
}

/// Why the machine seems to have stood still, and not only a CPU, if it does: there was no clock for most of the time,
/// and the first report is later than any time-out, or the grace-period kthread stopped when the clock did.
fn stood_still(event: &Event) -> Option<&'static str> {
    const LATE: &str = "no time-out is as long";
    const TOGETHER: &str = "scans for idle CPUs stopped when they did";
    let t = event.t_jiffies.filter(|_| event.repeats == 0)?;
    let details = || event.cpu_details.iter();
    let ticks = details().filter_map(|detail| detail.ticks_this_gp).max();
    if ticks.is_some_and(|ticks| ticks.saturating_mul(2) >= t) {
        return None;
    }
    let behind = details().any(|detail| detail.gps_behind.is_some());
    let few = behind || ticks.is_some_and(|ticks| ticks.saturating_mul(10) < t);
    let is_late = t > MAX_JIFFIES || event.hz.is_some_and(|hz| is_late(t, hz));
    if event.seconds.is_some_and(|seconds| seconds > FROZEN) || few && is_late {
        return Some(LATE);
    }
    let stopped_together = details().any(|detail| match (detail.ticks_this_gp, detail.fqs) {
        (Some(ticks), Some(scans)) => ticks > SOME_TICKS && in_step(scans, ticks),
        _ => false,
    });
    (few && stopped_together).then_some(TOGETHER)
}

/// Clock interrupts that show that a CPU had a clock at first.
const SOME_TICKS: u64 = 20;

/// A kthread that runs scans once in one to four jiffies.
fn in_step(scans: u64, ticks: u64) -> bool {
    scans.saturating_mul(5) >= ticks && scans <= ticks.saturating_mul(2)
}

/// Time-outs are whole seconds, and reports come a few jiffies after one, if there is a clock.
fn is_late(jiffies: u64, hz: u32) -> bool {
    jiffies % u64::from(hz.max(1)) > u64::from(hz / 20).max(5)
}

fn say_stood_still(event: &Event, why: &str, causes: &mut Lines, advice: &mut Lines) {
    let long = how_long(event).unwrap_or_default();
    say(causes, format!("the whole machine stood still, or its clock jumped: in the {long} since the grace period began there were hardly any clock interrupts, and {why}. A virtual machine was stopped, paused, migrated or starved by its host, or the system was suspended"));
    say(advice, "If this is a virtual machine, look at the host at that time (was the guest paused, migrated, stopped by a signal, out of CPU time?), and for signs in the guest: steal time in /proc/stat, soft lockups of as many seconds, a clock source marked unstable. The stack is then only where it happened to be, and nothing in the guest's kernel is wrong.");
}

/// Tasks that hold up a grace period while they do not run.
fn blocked(event: &Event, causes: &mut Lines, advice: &mut Lines) {
    let mut states = event.tasks.iter().map(|task| task.state.as_deref());
    if states.clone().any(|state| state == Some("R")) {
        say(causes, "the task was preempted inside of rcu_read_lock(), and does not get a CPU back: tasks of higher priority run instead, or a loop in the kernel keeps its CPU");
        let by = event.detected_by.map_or(String::new(), |cpu| {
            format!(" It may be CPU {cpu}, which made this report and does not list itself.")
        });
        say(advice, format!("See what runs on its CPU: `echo l > /proc/sysrq-trigger` shows what all CPUs do.{by} CONFIG_RCU_BOOST helps against real-time load."));
    } else if states.any(|state| state.is_some()) {
        say(causes, "the task sleeps inside of rcu_read_lock(): it waits for a lock, a device or a timer where it must not");
        say(advice, "Look at the task's stack for what it waits in, and move that out of the reader, or use SRCU.");
    } else {
        say(causes, "a task sleeps or was preempted inside of rcu_read_lock() and does not get back: real-time tasks of higher priority run instead, it waits for a lock, or it blocks where it must not");
        say(advice, "Look at the task's stack: if it waits there, move that out of the reader; if it is runnable, give it CPU time (CONFIG_RCU_BOOST helps against real-time load).");
    }
}

fn cpu(event: &Event, detail: &CpuDetail, causes: &mut Lines, advice: &mut Lines) {
    let place = match &event.culprit_frame {
        Some(function) => format!("{function}()"),
        None => format!("CPU {}", detail.cpu),
    };
    let number = detail.cpu;
    if detail.offline {
        say(
            causes,
            format!("CPU {number} is offline, and RCU was not told, or it goes offline just now"),
        );
        return;
    }
    if detail.rcuc_starved_jiffies.is_some() {
        say(
            causes,
            format!("real-time tasks leave the rcuc kthread of CPU {number} no time"),
        );
        say(advice, "Give rcuc a higher priority (rcutree.kthread_prio=), or the real-time task less of the CPU.");
    }
    let ticks_are_few = match (detail.ticks_this_gp, event.t_jiffies) {
        (Some(ticks), Some(t)) => ticks.saturating_mul(10) < t,
        _ => detail.gps_behind.is_some(),
    };
    let irqs_off = matches!(detail.irq_work, Some("not run" | "pending"));
    match whereabouts(detail) {
        Some(Whereabouts::Idle) => {
            say(causes, format!("CPU {number} is idle or in user mode, so it is not to blame: RCU's kthread did not get to see it"));
        }
        Some(Whereabouts::Interrupt) if ticks_are_few && in_softirq(event) => {
            say(causes, format!("{place} runs in a softirq that does not end; it began while CPU {number} was idle, whose clock is stopped then, hence the few clock interrupts"));
            say(
                advice,
                "Make the work of the softirq shorter, or hand it to a thread.",
            );
        }
        _ if irqs_off && ticks_are_few => {
            say(causes, format!("CPU {number} ran with interrupts off for all that time, or did not run at all: {place} loops with interrupts off, waits for hardware or a lock, or firmware or the hypervisor holds the CPU"));
            say(advice, "Look for a loop between local_irq_disable() and local_irq_enable(), or spin_lock_irqsave(); the hard-lockup detector gives its stack. In a virtual machine, look at the host's load.");
        }
        _ if ticks_are_few => {
            say(causes, format!("CPU {number} took few clock interrupts: interrupts were off for long, its clock was stopped (nohz_full), or a host did not run it"));
            say(advice, "In a virtual machine look at steal time and at the host; on hardware, look for interrupts that are off, and for a broken clock source.");
        }
        _ => {
            say(causes, format!("{place} runs in the kernel without a chance to reschedule: a loop that is too long, or endless, with preemption or softirqs off, or in a reader"));
            say(advice, "Make the loop shorter, or end the reader and call cond_resched() in it; look at what the loop waits for.");
        }
    }
}

fn in_softirq(event: &Event) -> bool {
    let runs_softirqs =
        |frame: &String| frame.starts_with("handle_softirqs") || frame.starts_with("__do_softirq");
    event.frames.iter().any(runs_softirqs)
}

fn fallback(event: &Event, causes: &mut Lines, advice: &mut Lines) {
    if causes.is_empty() {
        say(causes, "a reader or a CPU that does not get to a quiescent state: a loop in the kernel, interrupts off, or a CPU that does not run");
    }
    if event.header_missing {
        say(advice, "The report's first line is missing from this log: read the log from further back (dmesg, journalctl -k -b).");
    } else if event.frames.is_empty() && !(event.cpus.is_empty() && event.tasks.is_empty()) {
        say(advice, "The log has no stack of the culprit: look for lines that were lost, or raise the log level and the log buffer (loglevel=7 log_buf_len=4M).");
    }
    if advice.is_empty() {
        say(advice, "See whether the report comes again with the same grace-period number: then nothing moves. `echo l > /proc/sysrq-trigger` shows what all CPUs do.");
    }
}

pub(super) fn expedited(event: &Event, causes: &mut Lines, advice: &mut Lines) {
    if event.message.is_some() {
        say(
            causes,
            "a CPU does not answer cross-CPU calls (a stuck CSD lock)",
        );
        say(
            advice,
            "Look at the CSD-lock report before this one: it names the CPU.",
        );
        return;
    }
    let no_answer = event
        .cpu_details
        .iter()
        .any(|detail| detail.flags.contains('D'));
    let was_idle =
        !event.frames.is_empty() && event.culprit_frame.is_none() && event.tasks.is_empty();
    if was_idle {
        say(causes, format!("{} was idle when its stack was taken: what had held up the grace period was just over", cpus(event)));
    }
    if no_answer {
        say(causes, format!("{} did not get to a quiescent state after RCU's interrupt: in a long reader, with preemption off, or with interrupts off so that the interrupt was not taken", cpus(event)));
    } else if !event.cpus.is_empty() {
        say(causes, format!("{} runs a reader, or code with preemption off, for longer than the expedited time-out", cpus(event)));
    }
    if event.cpus.is_empty() && !event.tasks.is_empty() {
        say(
            causes,
            "a task was preempted or sleeps inside of rcu_read_lock()",
        );
    }
    if event.seconds.is_some_and(|seconds| seconds < 1.0)
        || event.t_jiffies.is_some_and(|t| t < 100)
    {
        say(
            causes,
            "the time-out is very short (20 ms on Android): short busy spells are reported too",
        );
        say(advice, "rcupdate.rcu_exp_cpu_stall_timeout= (milliseconds) sets the time-out; 0 uses the normal one.");
    }
    if let Some((cause, hint)) = hints::of(event) {
        say(causes, cause);
        say(advice, hint);
    }
    if !event.frames.is_empty() {
        say(
            advice,
            "Look at the stack: shorten that section, or let it reschedule.",
        );
    }
    fallback(event, causes, advice);
}

pub(super) fn tasks(event: &Event, causes: &mut Lines, advice: &mut Lines) {
    if is_trace(event) {
        say(
            causes,
            "a reader of RCU Tasks Trace, such as a sleepable BPF program, does not end",
        );
        say(
            advice,
            "Look at the task's stack for the BPF program that sleeps or loops.",
        );
    } else {
        say(causes, "a kernel thread or a task runs for minutes without giving up its CPU of its own accord: RCU Tasks waits for exactly that, being preempted does not count");
        say(advice, "Call cond_resched_tasks_rcu_qs() in its loop. Whoever waits are tracing, BPF trampolines and live patching.");
    }
    if let Some((cause, hint)) = hints::of(event) {
        say(causes, cause);
        say(advice, hint);
    }
    fallback(event, causes, advice);
}

pub(super) fn starved(event: &Event) -> String {
    let kthread = event.kthread.clone().unwrap_or_default();
    let name = kthread.comm.as_deref().unwrap_or("RCU");
    let jiffies = kthread
        .starved_jiffies
        .or(kthread.timer_overdue_jiffies)
        .unwrap_or_default();
    let long = match event.seconds {
        Some(seconds) => format!("{} ({jiffies} jiffies)", duration(seconds)),
        None => format!("{jiffies} jiffies"),
    };
    let at = kthread.cpu.map_or(String::new(), |cpu| {
        format!("; it ran on CPU {cpu} last{}", in_function_of_cpu(event))
    });
    let waits = match (&event.culprit_frame, is_of_kthread(event)) {
        (Some(function), true) => format!(" in {function}()"),
        _ => String::new(),
    };
    let why = match kthread.task_state.as_deref() {
        Some("0x0" | "R") => "could run, but was not given a CPU",
        Some(_) => "sleeps",
        None => "did not run",
    };
    let woken = if why == "sleeps" {
        " and was not woken"
    } else {
        ""
    };
    format!(
        "The grace-period kthread {name} {why}{waits}{woken} for {long}{at}. No grace period ends meanwhile."
    )
}

fn in_function_of_cpu(event: &Event) -> String {
    match &event.culprit_frame {
        Some(function) if !is_of_kthread(event) => format!(", which is in {function}()"),
        _ => String::new(),
    }
}

/// Whether the stack is the kthread's own, as no other was printed, or one of an idle CPU.
fn is_of_kthread(event: &Event) -> bool {
    let is_its_loop = |frame: &String| frame == "rcu_gp_kthread" || frame == "rcu_gp_fqs_loop";
    event.frames.iter().any(is_its_loop)
}

pub(super) fn starved_why(event: &Event, causes: &mut Lines, advice: &mut Lines) {
    let kthread = event.kthread.clone().unwrap_or_default();
    let runnable = matches!(kthread.task_state.as_deref(), Some("0x0" | "R"));
    if event.seconds.is_some_and(|seconds| seconds > FROZEN) {
        let what = "the whole machine stood still: a virtual machine was stopped, paused, migrated or starved by its host; see the stall's report";
        say(causes, what);
    }
    if runnable {
        let cpu = kthread
            .cpu
            .map_or("its CPU".to_string(), |cpu| format!("CPU {cpu}"));
        say(causes, format!("{cpu} does not get to run it: a task of higher real-time priority, or a loop in the kernel or in interrupts, keeps that CPU"));
        say(advice, "Look at the stack of that CPU and at its real-time tasks (chrt -a -p); rcutree.kthread_prio= raises the kthread's priority.");
    } else {
        say(causes, "the timer that should wake it did not fire or its wakeup was lost: a CPU with interrupts off, an offline CPU that still has the timer, or a broken clock or idle driver");
        say(advice, "Look at the CPU whose timers are suspected; try another clock source or idle driver (clocksource=, processor.max_cstate=1, nohz=off) to see whether it goes away.");
    }
    say(
        causes,
        "an emulator or a host that is too slow for its guests",
    );
    say(
        advice,
        "Until it runs, memory that RCU should free piles up: expect the OOM killer.",
    );
}

#[cfg(test)]
mod tests {
    use crate::tests::{decode, only};

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
    fn the_fields_lead_to_the_cause() {
        let looping = first_cause(
            "1-....: (5240 ticks this GP) idle=1234/1/0x4000000000000000 softirq=1/2 fqs=9",
        );
        assert!(
            looping.contains("without a chance to reschedule"),
            "{looping}"
        );
        let irqs_off = first_cause(
            "1-...!: (2 ticks this GP) idle=1234/1/0x4000000000000000 softirq=1/1 fqs=9",
        );
        assert!(irqs_off.contains("interrupts off"), "{irqs_off}");
        let few = first_cause(
            "1-....: (2 ticks this GP) idle=1234/1/0x4000000000000000 softirq=1/1 fqs=9",
        );
        assert!(few.contains("few clock interrupts"), "{few}");
        let idle = first_cause("1-....: (2 ticks this GP) idle=1234/0/0x0 softirq=1/1 fqs=9");
        assert!(idle.contains("not to blame"), "{idle}");
        let task = first_cause("Tasks blocked on level-0 rcu_node (CPUs 0-1): P57/1:b..l");
        assert!(task.contains("inside of rcu_read_lock()"), "{task}");
        let nobody = first_cause("nothing");
        assert!(
            nobody.contains("grace-period kthread did not notice"),
            "{nobody}"
        );
    }

    #[test]
    fn a_frozen_guest_is_suspected() {
        let event = only(
            "rcu: INFO: rcu_sched detected stalls on CPUs/tasks:\n\
             rcu: \t1-...!: (2 ticks this GP) idle=1234/1/0x4000000000000000\n\
             rcu: \t(detected by 0, t=60002 jiffies, g=9, q=3)\n",
        );
        assert_eq!(event.seconds, Some(60.0));
        let log = "[  100.000000] rcu: INFO: rcu_sched self-detected stall on CPU\n[  100.000001] rcu: \t(t=5250 jiffies g=9 q=3)\n\
                   [  163.000000] rcu: INFO: rcu_sched self-detected stall on CPU\n[  163.000001] rcu: \t(t=21003 jiffies g=9 q=3)\n\
                   [ 9000.000000] rcu: INFO: rcu_sched self-detected stall on CPU\n[ 9000.000001] rcu: \t(t=1000000 jiffies g=10 q=3)\n";
        let events = decode(log);
        assert!(
            events[2].causes[0].contains("stood still"),
            "{:?}",
            events[2].causes
        );
        assert!(
            events[1].summary.contains("report 2 of this stall"),
            "{}",
            events[1].summary
        );
    }

    #[test]
    fn a_report_that_is_late_without_a_clock_is_of_a_frozen_machine() {
        let first_cause = |ticks: u32, t: u32| {
            let event = only(&format!(
                "[    0.710489] Calibrating delay loop (skipped).. 4199.92 BogoMIPS (lpj=8399844)\n\
                 [  100.000000] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n\
                 [  100.000001] rcu: \t1-...!: ({ticks} ticks this GP) idle=1234/1/0x4000000000000000 softirq=1/1 fqs=1\n\
                 [  100.000002] rcu: \t(detected by 0, t={t} jiffies, g=9, q=3 ncpus=2)\n"
            ));
            event.causes[0].clone()
        };
        assert!(
            first_cause(2, 6390).contains("stood still"),
            "{}",
            first_cause(2, 6390)
        );
        // Just behind a time-out of eight seconds; and with a clock.
        assert!(first_cause(2, 2002).contains("interrupts off"));
        assert!(first_cause(6380, 6390).contains("without a chance"));
    }

    #[test]
    fn a_clock_that_stops_with_the_scans_is_of_a_frozen_machine() {
        let first_cause = |ticks: u32, scans: u32| {
            let event = only(&format!(
                "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n\
                 rcu: \t1-...!: ({ticks} ticks this GP) idle=41f4/1/0x4000000000000000 softirq=169/169 fqs={scans}\n\
                 rcu: \t(detected by 0, t=4010 jiffies, g=9, q=3 ncpus=2)\n"
            ));
            event.causes[0].clone()
        };
        assert!(
            first_cause(300, 188).contains("stood still"),
            "{}",
            first_cause(300, 188)
        );
        // Interrupts went off on that CPU alone, later or at once; and a clock.
        assert!(first_cause(300, 1900).contains("interrupts off"));
        assert!(first_cause(0, 0).contains("interrupts off"));
        assert!(first_cause(4000, 1900).contains("without a chance"));
    }

    #[test]
    fn the_summary_names_the_culprit() {
        let event = only(
            "rcu: INFO: rcu_preempt self-detected stall on CPU\n\
             rcu: \t3-....: (5240 ticks this GP) idle=6a84/1/0x4000000000000000 softirq=1245/1246 fqs=5222\n\
             rcu: \t(t=5250 jiffies g=5229 q=217 ncpus=4)\n\
             CPU: 3 UID: 0 PID: 57 Comm: spinner Not tainted 6.18.15 #1\n\
             RIP: 0010:spin+0x12/0x20 [demo]\n",
        );
        assert_eq!(
            event.summary,
            "CPU 3 held up a grace period of rcu_preempt for 21 s (5250 jiffies), running spinner (pid 57) in spin()."
        );
    }
}
