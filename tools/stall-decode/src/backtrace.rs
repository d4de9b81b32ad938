// SPDX-License-Identifier: GPL-2.0

//! Reduces a dump to the culprit's stack, and finds the culprit frame.

mod internal;

use crate::functions::Class;
use crate::stack::{base, function, Dump, Frame, Place};
use crate::waits;

/// Frames kept per backtrace.
const MAX_FRAMES: usize = 32;

/// Frames of unknown drivers tolerated between frames of interrupt code.
const MAX_DRIVER_FRAMES: usize = 2;

/// Starts of the names of functions that run callbacks.
const CALLBACK_RUNNERS: [&str; 12] = [
    "atomic_notifier_call_chain",
    "blocking_notifier_call_chain",
    "call_timer_fn",
    "cpu_stopper_thread",
    "do_softirq",
    "handle_softirqs",
    "kthread",
    "notifier_call_chain",
    "process_one_work",
    "raw_notifier_call_chain",
    "task_work_run",
    "tasklet_action",
];

/// How a report came about, which decides what its stack begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// An interrupt, NMI or another task printed the stack. The interrupted code counts.
    Interrupt,
    /// The code at fault called the report.
    Caller,
    /// The stack is that of RCU's own kthread.
    RcuKthread,
}

/// The stack of the code that was running or waiting, without the code that reported it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Backtrace {
    /// Functions, innermost first.
    pub(crate) frames: Vec<String>,
    /// The innermost function that is no helper.
    pub(crate) culprit: Option<String>,
    /// The module of the culprit.
    pub(crate) module: Option<String>,
    /// Why the culprit may be wrong.
    pub(crate) doubt: Option<&'static str>,
    /// The wait in which the culprit is.
    pub(crate) waits_for: Option<String>,
    /// Whether the log has only the reporting part of the stack.
    pub(crate) is_cut: bool,
    /// Whether the CPU was in user mode.
    pub(crate) is_in_user_mode: bool,
    /// The code was interrupted while it wrote the log to a console.
    pub(crate) is_printing: bool,
}

const LEFTOVER: &str = "the unwinder marked it with `?`: it may be left over from an earlier call";
const STALE: &str =
    "the stack is that of the task's last context switch, not of what it ran when it was reported";

const ONLY_HELPERS: &str = "it is a general helper, and the log has no frame of its caller";
const MIXED: &str =
    "two CPUs printed their stacks at the same time: the lines are assigned to them in turn";

impl Backtrace {
    pub(crate) fn new(dump: &Dump, origin: Origin) -> Self {
        let mut frames: Vec<_> = dump
            .frames
            .iter()
            .map(|frame| (frame, Class::of_frame(frame)))
            .collect();
        mark_drivers(&mut frames);
        let (mut frames, is_cut) = without_unreliable(frames, origin);
        // The code that calls a report may be a part of a helper.
        let internal = match origin {
            Origin::Interrupt => internal::classify(&mut frames),
            _ => None,
        };
        let (frames, ends_in_report) = match origin {
            Origin::Interrupt => interrupted(&frames),
            _ => (frames.as_slice(), false),
        };
        let mut backtrace = Self {
            is_cut: is_cut || ends_in_report,
            is_printing: origin == Origin::Interrupt && begins_in_printing(frames),
            ..Self::default()
        };
        let mut inner = None;
        let is_in_softirq = begins_in_softirq(frames);
        let callback = callback_of_library(frames);
        for (at, &(frame, class)) in frames.iter().enumerate() {
            let class = match callback == Some(at) {
                true => Class::Other,
                false => class,
            };
            // Softirqs that do not end are not the fault of the interrupted code.
            if class == Class::Entry && is_in_softirq && backtrace.culprit.is_none() {
                break;
            }
            if !matches!(class, Class::Reporting | Class::Entry) {
                // Registers and the first frame of a trace name the same function.
                let is_same = inner == Some((Place::Registers, &frame.symbol));
                if !is_same {
                    backtrace.push(frame, class, origin);
                }
                inner = Some((frame.place, &frame.symbol));
            }
        }
        backtrace.find_wait(frames);
        // Nothing outside of the helper is left: the scheduler itself loops, for instance.
        if backtrace.culprit.is_none() && backtrace.waits_for.is_none() {
            backtrace.culprit = internal.filter(|name| backtrace.frames.contains(name));
        }
        if backtrace.culprit.is_none() {
            backtrace.use_helper(frames);
        }
        if backtrace.frames.is_empty()
            && dump.is_of_task
            && dump.frames.first().is_some_and(is_printing)
        {
            backtrace
                .frames
                .extend(dump.frames.iter().map(Frame::function).take(MAX_FRAMES));
            backtrace.is_cut = false;
        }
        if backtrace.frames.is_empty() {
            backtrace.is_in_user_mode = dump.is_in_user_mode && !backtrace.is_cut;
            let idle = dump.idle_at.as_deref().map(function);
            backtrace.frames.extend(idle);
        }
        if backtrace.culprit.is_some() && is_stale(dump) {
            backtrace.doubt = Some(STALE);
        } else if backtrace.culprit.is_some() && dump.is_mixed {
            backtrace.doubt = Some(MIXED);
        }
        backtrace
    }

    fn push(&mut self, frame: &Frame, class: Class, origin: Origin) {
        let function = frame.function();
        // The grace-period kthread waits: it is never the culprit itself.
        let is_own_code = class == Class::Other && origin != Origin::RcuKthread;
        if self.culprit.is_none() && is_own_code {
            self.culprit = Some(function.clone());
            self.module.clone_from(&frame.module);
            self.doubt = (frame.place == Place::Unreliable).then_some(LEFTOVER);
        }
        if self.frames.len() < MAX_FRAMES {
            self.frames.push(function);
        }
    }

    /// Uses the innermost helper as the culprit if nothing else is left.
    ///
    /// The caller of a library may be missing from the log, and the clock itself may have stopped.
    fn use_helper(&mut self, frames: &[Classed<'_>]) {
        let of_class = |wanted: Class| frames.iter().find(|(_, class)| *class == wanted);
        let starts_code = |(_, class): &Classed<'_>| matches!(class, Class::Plumbing | Class::Idle);
        let is_whole = frames.iter().any(starts_code);
        let is_idle = of_class(Class::Idle).is_some();
        let (frame, doubt) = match (of_class(Class::Library), of_class(Class::Probe)) {
            (Some((frame, _)), _) => (frame, Some(ONLY_HELPERS)),
            // The idle loop reads the clock, too.
            (None, Some((frame, _))) if !is_idle => (frame, (!is_whole).then_some(ONLY_HELPERS)),
            _ => return,
        };
        self.culprit = Some(frame.function());
        self.doubt = doubt;
    }

    /// Finds what the innermost frames wait for.
    fn find_wait(&mut self, frames: &[Classed<'_>]) {
        let inner = frames
            .iter()
            .filter(|(_, class)| !matches!(class, Class::Reporting | Class::Entry | Class::Irq))
            .take_while(|(_, class)| !matches!(class, Class::Other | Class::Plumbing));
        let inner: Vec<_> = inner
            .map(|(frame, class)| (frame.function(), *class))
            .collect();
        let culprit = self.culprit.as_deref().filter(|_| self.doubt.is_none());
        self.waits_for = waits::of(&inner, culprit);
    }
}

/// Returns the index of a library's own callback: a function that a kthread, timer, softirq or
/// notifier calls without other code between.
fn callback_of_library(frames: &[Classed<'_>]) -> Option<usize> {
    let runs_callbacks = |frame: &Frame| {
        let name = base(&frame.symbol).trim_start_matches('_');
        CALLBACK_RUNNERS
            .iter()
            .any(|runner| name.starts_with(runner))
    };
    let mut pairs = frames.windows(2);
    pairs.position(|pair| match pair {
        [(_, Class::Library), (outer, Class::Plumbing)] => runs_callbacks(outer),
        _ => false,
    })
}

/// Returns whether the innermost code is the loop that runs softirqs, not a softirq.
fn begins_in_softirq(frames: &[Classed<'_>]) -> bool {
    let is_code = |class: &Class| !matches!(class, Class::Reporting | Class::Entry | Class::Irq);
    let first = frames.iter().find(|(_, class)| is_code(class));
    first.is_some_and(|(frame, _)| {
        let name = base(&frame.symbol).trim_start_matches('_');
        name == "do_softirq" || name == "handle_softirqs" || name.starts_with("softirqentry")
    })
}

/// A frame and the class of its function.
type Classed<'a> = (&'a Frame, Class);

/// Returns whether a running task's stack was saved when the task last gave up its CPU.
fn is_stale(dump: &Dump) -> bool {
    let first = dump.frames.first();
    let is_switch = first.is_some_and(|first| base(&first.symbol).starts_with("__switch_to"));
    is_switch && dump.state.as_deref() == Some("R") && dump.is_of_task
}

/// Returns whether a function writes the log to consoles.
fn is_printing(frame: &Frame) -> bool {
    let name = base(&frame.symbol).trim_start_matches('_');
    name.starts_with("console_") || name.starts_with("vprintk") || name.starts_with("printk")
}

/// Returns whether the innermost code writes the log, or is the console's driver behind it.
fn begins_in_printing(frames: &[Classed<'_>]) -> bool {
    let mut inner = frames
        .iter()
        .take_while(|(_, class)| *class == Class::Reporting);
    inner.any(|(frame, _)| is_printing(frame))
}

/// Marks drivers that call or are called by the generic code of interrupts.
///
/// The driver of a clock calls the handler of the clock interrupt. The driver of an interrupt
/// controller calls the handling of one interrupt.
fn mark_drivers(frames: &mut [Classed<'_>]) {
    let is_handler = |frame: &Frame| {
        let name = base(&frame.symbol);
        name == "hrtimer_interrupt" || name == "tick_handle_periodic" || name == "event_handler"
    };
    let mut inner: Option<(&Frame, Class, bool)> = None;
    let traced = frames
        .iter_mut()
        .filter(|(frame, _)| frame.place != Place::Registers);
    for (frame, class) in traced {
        let name = base(&frame.symbol);
        let mut is_clock = false;
        if let (Some((called, called_class, was_clock)), Class::Other) = (inner, *class) {
            // Some drivers have two functions, such as hv_stimer0_percpu_isr() and hv_stimer0_isr().
            is_clock = is_handler(called) || was_clock && name.ends_with("_isr");
            if is_clock {
                *class = Class::Reporting;
            } else if called_class == Class::Irq && is_interrupt_controller(name) {
                *class = Class::Irq;
            }
        }
        inner = Some((frame, *class, is_clock));
    }
}

/// Returns whether a caller of the generic interrupt code is the driver of a controller.
fn is_interrupt_controller(name: &str) -> bool {
    [
        "irq",
        "IRQ",
        "interrupt",
        "intc",
        "demux",
        "cascade",
        "chained",
    ]
    .iter()
    .any(|part| name.contains(part))
}

/// Drops unreliable frames. Returns whether the stack was cut before its reliable part ended.
///
/// Keeps them all if none is reliable. If the last reliable frame is in the scheduler or enters an
/// interrupt, keeps the frames outside of it: unwinders fail there.
fn without_unreliable(frames: Vec<Classed<'_>>, origin: Origin) -> (Vec<Classed<'_>>, bool) {
    let is_reliable = |frame: &Frame| frame.place != Place::Unreliable;
    let Some(last) = frames.iter().rposition(|(frame, _)| is_reliable(frame)) else {
        return (frames, false);
    };
    let last_class = frames.get(last).map_or(Class::Other, |(_, class)| *class);
    let is_in_report = matches!(last_class, Class::Reporting | Class::Irq);
    let behind = frames.iter().skip(last + 1);
    let entry = behind.clone().position(|(_, class)| *class == Class::Entry);
    let kept_from = match last_class {
        Class::Scheduler | Class::Entry => Some(last + 1),
        Class::Reporting | Class::Irq if origin == Origin::Interrupt => {
            entry.map(|entry| last + 1 + entry)
        }
        Class::Other | Class::Plumbing | Class::Idle => None,
        _ => Some(last + 1),
    };
    let is_cut = kept_from.is_none() && is_in_report && origin == Origin::Interrupt;
    let is_kept =
        |at: usize, frame: &Frame| is_reliable(frame) || kept_from.is_some_and(|from| at >= from);
    let frames = frames.into_iter().enumerate();
    let frames = frames.filter(|(at, (frame, _))| is_kept(*at, frame));
    (frames.map(|(_, frame)| frame).collect(), is_cut)
}

/// Returns the frames of the interrupted code, outside of the interrupt that made the report, and
/// whether the log has no such frames.
fn interrupted<'a, 'b>(frames: &'b [Classed<'a>]) -> (&'b [Classed<'a>], bool) {
    // Whatever this code calls belongs to the report, however it is named.
    let from_report = frames.iter().rposition(|(frame, _)| makes_report(frame));
    if let Some(at) = from_report {
        let outside = frames.get(at..).unwrap_or_default();
        let entry = outside
            .iter()
            .position(|(frame, class)| frame.place == Place::Registers || *class == Class::Entry);
        let outside = match entry {
            Some(entry) => at + entry,
            None => end_of_report(frames, at),
        };
        let frames = frames.get(outside..).unwrap_or_default();
        return (frames, entry.is_none() && frames.is_empty());
    }
    let is_report = |(_, class): &Classed<'_>| *class == Class::Reporting;
    // Registers first: another CPU requested this dump, and they show where this CPU was.
    let first = frames.first();
    if first.is_some_and(|first| first.0.place == Place::Registers && !is_report(first)) {
        return (frames, false);
    }
    // Reporting code after other frames belongs to another printk, not to this report.
    let mut leading = frames
        .iter()
        .take_while(|(_, class)| !matches!(class, Class::Other | Class::Plumbing));
    let Some(report) = leading.position(is_report) else {
        return (frames, false);
    };
    let entry = frames
        .iter()
        .skip(report)
        .position(|(frame, class)| frame.place == Place::Registers || *class == Class::Entry);
    let outside = match entry {
        Some(entry) => report + entry,
        None => end_of_report(frames, report),
    };
    let frames = frames.get(outside..).unwrap_or_default();
    (frames, entry.is_none() && frames.is_empty())
}

/// Returns whether a function makes a report on this CPU, in the clock interrupt.
fn makes_report(frame: &Frame) -> bool {
    let starts = [
        "arch_trigger_",
        "check_cpu_stall",
        "print_cpu_stall",
        "print_other_cpu_stall",
        "rcu_check_callbacks",
        "rcu_dump_cpu_stacks",
        "rcu_sched_clock_irq",
        "trigger_all_cpu_backtrace",
        "watchdog_timer_fn",
    ];
    let name = base(&frame.symbol);
    starts.iter().any(|start| name.starts_with(start))
}

/// Returns the index after the last frame of the interrupt that made the report.
fn end_of_report(frames: &[Classed<'_>], report: usize) -> usize {
    let mut end = report;
    for (at, (_, class)) in frames.iter().enumerate().skip(report) {
        if at > end + MAX_DRIVER_FRAMES {
            break;
        }
        if matches!(class, Class::Reporting | Class::Irq) {
            end = at + 1;
        }
    }
    end
}

#[cfg(test)]
mod tests;
