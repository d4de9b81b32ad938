// SPDX-License-Identifier: GPL-2.0

//! Explains an event: a summary, the meaning of each field, likely causes, and advice.
//!
//! Each family of `report/` has a file here with the same name. Meanings of fields follow the
//! kernel code that prints them. `Documentation/RCU/stallwarn.rst` lags behind: in 6.18, bit 2 of
//! `idle=` shows whether RCU watches.

mod atomic;
mod cpu_stall;
mod csd_lock;
mod double_call_rcu;
mod expedited;
mod fields;
mod frozen;
mod hints;
mod hung_task;
mod kthread;
mod lock_leak;
mod lockup;
mod memory;
mod stall;
mod suspicious;
mod tasks;
mod use_after_free;
mod voluntary;
mod workqueue;

use crate::event::{Blame, CpuDetail, Culprit, Event, EventKind};
use crate::functions::Class;

/// Tasks named in a summary.
const MAX_NAMED: usize = 8;

/// Sets the summary, fields, causes and advice of an event.
pub(crate) fn explain(event: &mut Event) {
    type Summary = fn(&Event) -> String;
    type Explain = fn(&Event, &mut Explanation);
    let (summary, explain): (Summary, Explain) = match event.kind {
        EventKind::RcuCpuStall => (stall::summary, cpu_stall::explain),
        EventKind::RcuExpeditedStall => (stall::summary, expedited::explain),
        EventKind::RcuTasksStall => (tasks::summary, tasks::explain),
        EventKind::RcuKthreadStarved => (kthread::summary, kthread::explain),
        EventKind::VoluntaryContextSwitch => (voluntary::summary, voluntary::explain),
        EventKind::SuspiciousRcuUsage => (suspicious::summary, suspicious::explain),
        EventKind::SleepingInAtomic => (atomic::summary, atomic::explain),
        EventKind::HungTask => (hung_task::summary, hung_task::explain),
        EventKind::SoftLockup => (lockup::soft_summary, lockup::explain_soft),
        EventKind::HardLockup => (lockup::hard_summary, lockup::explain_hard),
        EventKind::WorkqueueLockup => (workqueue::summary, workqueue::explain),
        EventKind::CsdLock => (csd_lock::summary, csd_lock::explain),
        EventKind::DoubleCallRcu => (double_call_rcu::summary, double_call_rcu::explain),
        EventKind::UseAfterFree => (use_after_free::summary, use_after_free::explain),
        EventKind::LockLeak => (lock_leak::summary, lock_leak::explain),
        EventKind::PageAllocationFailure => {
            (memory::allocation_summary, memory::explain_allocation)
        }
        EventKind::Oom => (memory::oom_summary, memory::explain_oom),
    };
    let mut explanation = Explanation::default();
    explain(event, &mut explanation);
    explanation.complete(event);
    event.summary = summary(event);
    fields::fill(event);
    event.causes = explanation.causes;
    event.advice = explanation.advice;
    event.blame = explanation.blame;
    event.story = story(event);
}

/// Tells an event in three sentences: the event, its culprit, and the reason.
fn story(event: &Event) -> String {
    let Blame { text, sure, .. } = &event.blame;
    let why = event.causes.first().map_or(String::new(), |cause| {
        let mut letters = cause.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        format!(
            " {}{}.",
            first.map_or(String::new(), String::from),
            letters.as_str()
        )
    });
    match event.blame.culprit {
        // A guess that nothing is known is no guess.
        Culprit::Unknown => format!("{} To blame: {text}.{why}", event.summary),
        _ => format!("{} To blame ({sure}): {text}.{why}", event.summary),
    }
}

/// Causes and advice under construction.
#[derive(Debug, Default)]
struct Explanation {
    causes: Vec<String>,
    advice: Vec<String>,
    blame: Blame,
}

impl Explanation {
    /// Sets the culprit.
    fn blame(&mut self, culprit: Culprit, text: impl Into<String>) -> &mut Self {
        self.blame = Blame {
            culprit,
            text: text.into(),
            sure: "likely",
        };
        self
    }

    /// States that the blame is certain.
    fn certain(&mut self) -> &mut Self {
        self.blame.sure = "certain";
        self
    }

    /// Completes the blame, and adds what holds for events of every kind.
    fn complete(&mut self, event: &Event) {
        if self.blame.text.is_empty() {
            let sure = self.blame.sure;
            self.blame_by_default(event);
            if !sure.is_empty() {
                self.blame.sure = sure;
            }
        }
        self.blame_other_cpu(event);
        let blames_code = self.blame.culprit == Culprit::Code;
        if let Some(doubt) = event.culprit_doubt.filter(|_| blames_code) {
            let function = event.culprit_frame.as_deref().unwrap_or_default();
            self.blame.sure = "guess";
            self.causes.insert(
                self.causes.len().min(1),
                format!("{} is uncertain: {doubt}", called(function)),
            );
        }
        self.compare_stacks(event);
        self.note_crash(event);
        let address = event.culprit_frame.as_ref();
        let address = address.filter(|function| function.ends_with(']'));
        if let (Some(address), Some(module)) = (address, &event.culprit_module) {
            self.cause(format!("{address} is code of the module {module}, for which the kernel has no symbols"))
                .advise(format!("Load {module} with its symbols, or subtract the load address in /sys/module/{module}/sections/.text and look the offset up with addr2line."));
        }
        if self.blame.culprit == Culprit::Unknown {
            self.blame.sure = "guess";
        }
        if let Some(reason) = &event.panic {
            self.cause(format!("the panic ({reason}) is no second fault: the kernel is configured to panic on this report"))
                .advise("Find the cause above. A sysctl (kernel.softlockup_panic, hardlockup_panic, hung_task_panic, panic_on_rcu_stall, vm.panic_on_oom) selects the panic.");
        }
    }

    /// States that the kernel crashed before, so that locks may stay held.
    fn note_crash(&mut self, event: &Event) {
        use EventKind::{
            DoubleCallRcu, Oom, PageAllocationFailure, SuspiciousRcuUsage, UseAfterFree,
        };
        let is_wait = !matches!(
            event.kind,
            DoubleCallRcu | Oom | PageAllocationFailure | SuspiciousRcuUsage | UseAfterFree
        );
        let crash = match &event.evidence.crash {
            Some((text, line)) => format!("line {line}: {text}"),
            None if has_died(event.taint.as_deref()) => "its taint is D".to_string(),
            None => return,
        };
        if is_wait {
            self.causes.insert(
                self.causes.len().min(1),
                format!("the kernel crashed before this report ({crash}). The task that died keeps its locks, so that others wait for them forever"),
            );
            self.advice.insert(0, "Look at the first crash of this boot (Oops or BUG, and its stack): this report is probably its consequence.".to_string());
        }
    }

    /// Blames the CPU for whose answer the culprit waits.
    fn blame_other_cpu(&mut self, event: &Event) {
        // If the stack is cut, only its innermost function is known.
        let waiter = match self.blame.culprit {
            Culprit::Code => event.culprit_frame.as_ref(),
            Culprit::Task | Culprit::Cpu => event.frames.first(),
            _ => None,
        };
        let Some(waiter) = waiter.filter(|_| hints::waits_for_cpu(event)) else {
            return;
        };
        let silent = &event.evidence.silent_cpus;
        let other = match silent.as_slice() {
            [cpu] => format!(
                "CPU {cpu}, which answers neither {}'s interrupt nor the NMI",
                called(waiter)
            ),
            _ => format!(
                "another CPU, which does not answer; {} waits for it",
                called(waiter)
            ),
        };
        let what = match waiter.as_str() {
            "multi_cpu_stop" => "arrive in stop_machine()",
            _ => "answer an interrupt",
        };
        self.causes.insert(
            0,
            format!("{} waits for another CPU to {what}", called(waiter)),
        );
        self.causes
            .retain(|cause| !cause.contains("without rescheduling"));
        self.blame(Culprit::Cpu, other);
    }

    /// Tells what several stacks of the culprit have in common.
    fn compare_stacks(&mut self, event: &Event) {
        let (Some(common), Some(culprit)) = (&event.common_frame, &event.culprit_frame) else {
            return;
        };
        if self.blame.culprit != Culprit::Code {
            return;
        }
        let count = event.evidence.common_stacks;
        // Two stacks may agree by chance.
        let sure = match count {
            0..=2 => "likely",
            _ => "certain",
        };
        let common = called(common);
        let text = if common == called(culprit) {
            format!("{common} is in all {count} stacks of this task, and no function inside of it: it loops there ({sure})")
        } else {
            format!("{common} is in all {count} stacks of this task, and the functions inside of it change: the loop is there ({sure}), and {} only ran at this moment", called(culprit))
        };
        self.causes.insert(self.causes.len().min(1), text);
    }

    fn blame_by_default(&mut self, event: &Event) {
        let on_cpu = match event.cpus.as_slice() {
            [one] => format!(" on CPU {one}"),
            _ => String::new(),
        };
        match (&event.culprit_frame, event.tasks.first()) {
            (Some(function), _) => {
                self.blame(Culprit::Code, format!("{}{on_cpu}", called(function)))
            }
            (None, Some(task)) if interrupts_task(event) => self.blame(
                Culprit::Cpu,
                format!(
                    "a softirq{on_cpu} that the log does not show; {task} was only interrupted"
                ),
            ),
            (None, Some(task)) => self.blame(Culprit::Task, task.to_string()),
            (None, None) if !event.cpus.is_empty() => self.blame(Culprit::Cpu, cpus(event)),
            (None, None) => self.blame(Culprit::Unknown, "unknown: the log does not say"),
        };
    }

    fn cause(&mut self, text: impl Into<String>) -> &mut Self {
        self.causes.push(text.into());
        self
    }

    fn advise(&mut self, text: impl Into<String>) -> &mut Self {
        self.advice.push(text.into());
        self
    }

    /// States that the log does not show where the culprit is.
    fn without_stack(&mut self, event: &Event) {
        self.blame.sure = "guess";
        let what = match event.frames.as_slice() {
            [] => "the log has no stack of the task or CPU, so that it does not say where it is",
            _ => "the stack ends before the code of the task or CPU, so that the log does not say where it is",
        };
        self.cause(what)
            .advise("Read the log from its source (dmesg, journalctl -k -b): the stack follows the first line. If lines are lost, raise the log level and enlarge the log buffer (loglevel=7 log_buf_len=4M).");
    }

    /// States that a place spins for a lock.
    fn spins(&mut self, place: &str, event: &Event) -> &mut Self {
        let context = match () {
            () if hints::is_in_interrupt(event) => ", in the handler of an interrupt",
            () if hints::is_in_softirq(event) => ", in a softirq",
            () => "",
        };
        self.cause(format!("{place} {}{context}: its holder is stuck or died, or was interrupted by code that needs the same lock; or many CPUs contend", hints::SPINLOCK))
            .advise("Look for the holder of the lock in the other backtraces. CONFIG_PROVE_LOCKING finds deadlocks before they happen.")
    }

    /// Adds the hint of a function in the stack, once.
    fn hint(&mut self, event: &Event) -> &mut Self {
        if let Some((cause, advice)) = hints::of(event) {
            let is_lock = cause.contains(hints::SPINLOCK);
            let is_known =
                |known: &String| known == cause || is_lock && known.contains(hints::SPINLOCK);
            if !self.causes.iter().any(is_known) {
                self.cause(cause).advise(advice);
            }
        }
        self
    }
}

/// Returns whether a taint shows that a task of the kernel died: `G      D W`, `[D]=DIE, [W]=WARN`.
fn has_died(taint: Option<&str>) -> bool {
    let mut words = taint.into_iter().flat_map(|taint| taint.split([' ', ',']));
    words.any(|word| word == "D" || word.starts_with("[D]"))
}

/// Returns whether the innermost function runs softirqs, on top of a task that is not their own.
fn interrupts_task(event: &Event) -> bool {
    let first = event.frames.first();
    let is_own = |comm: &String| comm.starts_with("ksoftirqd");
    first.is_some_and(|frame| {
        ["handle_softirqs", "__do_softirq"]
            .iter()
            .any(|name| frame.starts_with(name))
    }) && !event
        .tasks
        .iter()
        .filter_map(|task| task.comm.as_ref())
        .any(is_own)
}

/// Returns whether the stack is missing, or ends before the code that runs or waits.
///
/// The outermost frames of a complete stack start a thread, a system call, or the idle loop.
fn lacks_code(event: &Event) -> bool {
    let is_unknown = event.culprit_frame.is_none()
        || event.culprit_doubt.is_some()
        || event.culprit_frame == event.work
            && !event
                .frames
                .iter()
                .any(|frame| Some(frame) == event.work.as_ref());
    let is_outermost = |frame: &String| matches!(Class::of(frame), Class::Plumbing | Class::Idle);
    is_unknown && !event.frames.iter().any(is_outermost)
}

/// `CPU 1`, `CPUs 1 and 3`
fn cpus(event: &Event) -> String {
    let numbers: Vec<_> = event.cpus.iter().map(u32::to_string).collect();
    match numbers.as_slice() {
        [] => "a CPU".to_string(),
        [one] => format!("CPU {one}"),
        many => format!("CPUs {}", list(many)),
    }
}

/// Selects the verb that agrees with [`cpus`].
fn verb(event: &Event, singular: &'static str, plural: &'static str) -> &'static str {
    match event.cpus.len() {
        0 | 1 => singular,
        _ => plural,
    }
}

fn tasks(event: &Event) -> String {
    let tasks = event.tasks.iter().take(MAX_NAMED);
    let names: Vec<_> = tasks.map(ToString::to_string).collect();
    match names.as_slice() {
        [] => "a task".to_string(),
        many => list(many),
    }
}

/// `a, b and c`
fn list(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The name of a lock, and the function that acquired it, from lockdep's
/// `00000000abcd (&q->lock){+.+.}-{2:2}, at: grow+0x1/0x2`.
fn lock(line: &str) -> Option<(&str, Option<String>)> {
    let (_, after) = line.split_once('(')?;
    let (name, _) = after.split_once("){")?;
    let at = line.rsplit_once("at: ").map(|(_, at)| at);
    let at = at
        .and_then(crate::stack::frame)
        .map(|frame| frame.function());
    Some((name, at))
}

/// ` in spin()`, if the culprit frame is known.
fn in_function(event: &Event) -> String {
    let function = event.culprit_frame.as_ref();
    function.map_or(String::new(), |function| {
        format!(" in {}", called(function))
    })
}

/// `spin()`; an address without symbol stays as it is.
fn called(function: &str) -> String {
    match function.ends_with(']') {
        true => function.to_string(),
        false => format!("{function}()"),
    }
}

/// `21 s (5250 jiffies)`, `5250 jiffies`
fn age(jiffies: impl std::fmt::Display, seconds: Option<f64>) -> String {
    match seconds {
        Some(seconds) => format!("{} ({jiffies} jiffies)", duration(seconds)),
        None => format!("{jiffies} jiffies"),
    }
}

fn duration(seconds: f64) -> String {
    if seconds < 120.0 {
        return format!("{seconds} s");
    }
    // The number of the log, so that a reader finds it there.
    let whole = seconds.round() as u64;
    match whole {
        0..=3599 => format!("{whole} s"),
        3600..=7199 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// The context in which a CPU ran, from the second and third part of `idle=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Context {
    Idle,
    Interrupt,
    Kernel,
    InterruptInKernel,
}

impl Context {
    fn of(detail: &CpuDetail) -> Option<Self> {
        /// On 32 bits, the kernel adds at least this to the interrupt nesting of a CPU that is not
        /// idle.
        const NOT_IDLE: u64 = 0x4000_0000;
        let mut parts = detail.idle.as_deref()?.split('/').skip(1);
        let nesting = parts.next()?;
        let interrupts = parts.next()?;
        // Before 4.16 the first number was hexadecimal and the second decimal.
        let Some(interrupts) = interrupts.strip_prefix("0x") else {
            let nesting = u64::from_str_radix(nesting, 16).ok()?;
            return Some(match (nesting, interrupts) {
                (0, "0") => Self::Idle,
                (0, _) => Self::Interrupt,
                _ => Self::Kernel,
            });
        };
        let interrupts = u64::from_str_radix(interrupts, 16).ok()?;
        Some(match (interrupts >= NOT_IDLE, interrupts & 0xffff) {
            (false, 0) if nesting == "0" => Self::Idle,
            (false, 0) => Self::Kernel,
            (false, _) => Self::Interrupt,
            (true, 0) => Self::Kernel,
            (true, _) => Self::InterruptInKernel,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taint_of_every_form_shows_that_a_task_died() {
        assert!(has_died(Some("G D W")));
        assert!(has_died(Some("[D]=DIE, [W]=WARN")));
        assert!(!has_died(Some("Not tainted")) && !has_died(Some("G W")) && !has_died(None));
    }

    #[test]
    fn long_durations_are_in_minutes_and_hours() {
        assert_eq!(duration(21.0), "21 s");
        assert_eq!(duration(125.4), "125 s");
        assert_eq!(duration(7260.0), "2 h 1 min");
    }

    #[test]
    fn the_idle_field_shows_the_context_of_the_cpu() {
        let context = |idle: &str| {
            Context::of(&CpuDetail {
                idle: Some(idle.to_string()),
                ..CpuDetail::default()
            })
        };
        assert_eq!(context("6a84/1/0x4000000000000000"), Some(Context::Kernel));
        assert_eq!(
            context("6a84/1/0x4000000000000002"),
            Some(Context::InterruptInKernel)
        );
        assert_eq!(context("6a84/0/0x1"), Some(Context::Interrupt));
        assert_eq!(context("6a84/0/0x0"), Some(Context::Idle));
        assert_eq!(context("f4d/140000000000001/0"), Some(Context::Kernel));
        assert_eq!(context("f4d/0/0"), Some(Context::Idle));
        assert_eq!(context("f4d"), None);
    }
}
