// SPDX-License-Identifier: GPL-2.0

//! Reduces a dump to the culprit's stack, and finds the culprit frame.

use crate::functions::Class;
use crate::stack::{base, function, Dump, Frame, Place};

/// Frames kept per backtrace.
const MAX_FRAMES: usize = 32;

/// Function classes that cannot be the culprit, in addition to reporting and interrupt entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Skipped(&'static [Class]);

impl Skipped {
    /// For a stack of code that runs or waits.
    pub(crate) const USUAL: Self = Self(&[
        Class::Idle,
        Class::Scheduler,
        Class::Locking,
        Class::Rcu,
        Class::Probe,
    ]);
    /// For RCU's own kthreads.
    pub(crate) const RCU_KTHREAD: Self = Self(&[Class::Scheduler, Class::Locking]);
    /// For memory allocations.
    pub(crate) const ALLOCATION: Self =
        Self(&[Class::Scheduler, Class::Locking, Class::Rcu, Class::Memory]);
    /// For wrong memory accesses.
    pub(crate) const ACCESS: Self = Self(&[Class::Access]);
}

/// The stack of the code that was running or waiting, without the code that reported it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Backtrace {
    /// Functions, innermost first.
    pub(crate) frames: Vec<String>,
    /// The innermost function that is not skipped.
    pub(crate) culprit: Option<String>,
    /// The function of RCU, lock or scheduler that the culprit called.
    pub(crate) called: Option<String>,
}

impl Backtrace {
    pub(crate) fn new(dump: &Dump, skipped: Skipped) -> Self {
        let mut frames: Vec<_> = dump
            .frames
            .iter()
            .map(|frame| (frame, Class::of(&frame.symbol)))
            .collect();
        mark_clock_drivers(&mut frames);
        let frames = without_unreliable(frames);
        let frames = interrupted(&frames);
        let mut backtrace = Self::default();
        for &(frame, class) in frames {
            if !matches!(class, Class::Reporting | Class::Entry) {
                backtrace.push(frame.function(), class, skipped);
            }
        }
        // If nothing else is left, the clock itself may have stopped.
        if backtrace.culprit.is_none() {
            let probe = frames.iter().find(|(_, class)| *class == Class::Probe);
            backtrace.culprit = probe.map(|(frame, _)| frame.function());
        }
        if backtrace.frames.is_empty() {
            let idle = dump.idle_at.as_deref().map(function);
            backtrace.frames.extend(idle);
        }
        backtrace
    }

    fn push(&mut self, function: String, class: Class, skipped: Skipped) {
        if self.culprit.is_none() {
            if !skipped.0.contains(&class) {
                self.culprit = Some(function.clone());
            } else if class != Class::Idle {
                self.called = Some(function.clone());
            }
        }
        if self.frames.len() < MAX_FRAMES && self.frames.last() != Some(&function) {
            self.frames.push(function);
        }
    }
}

/// A frame and the class of its function.
type Classed<'a> = (&'a Frame, Class);

/// Marks clock drivers, which call the handler of the clock interrupt, as reporting code.
fn mark_clock_drivers(frames: &mut [Classed<'_>]) {
    let is_handler = |frame: &Frame| {
        let name = base(&frame.symbol);
        name == "hrtimer_interrupt" || name == "tick_handle_periodic"
    };
    let mut called_by: Option<&Frame> = None;
    let traced = frames
        .iter_mut()
        .filter(|(frame, _)| frame.place == Place::Trace);
    for (frame, class) in traced {
        // Some drivers have two functions, such as hv_stimer0_percpu_isr() and hv_stimer0_isr().
        let is_driver = called_by
            .is_some_and(|inner| is_handler(inner) || base(&frame.symbol).ends_with("_isr"));
        if is_driver && *class == Class::Other {
            *class = Class::Reporting;
        }
        called_by = Some(*frame).filter(|frame| is_handler(frame) || is_driver);
    }
}

/// Drops unreliable frames.
///
/// Keeps all frames if only reporting code is reliable. If the last reliable frame is in the
/// scheduler, keeps the frames outside of it: unwinders fail there, on the way into an interrupt.
fn without_unreliable(frames: Vec<Classed<'_>>) -> Vec<Classed<'_>> {
    let is_reliable = |frame: &Frame| frame.place != Place::Unreliable;
    let mut reliable = frames.iter().filter(|(frame, _)| is_reliable(frame));
    if !reliable.any(|(_, class)| *class != Class::Reporting) {
        return frames;
    }
    let last = frames.iter().rposition(|(frame, _)| is_reliable(frame));
    let unwinder_failed_at = last.filter(|&last| {
        let frame = frames.get(last);
        frame.is_some_and(|(_, class)| *class == Class::Scheduler)
    });
    let is_kept = |at: usize, frame: &Frame| {
        is_reliable(frame) || unwinder_failed_at.is_some_and(|last| at > last)
    };
    let frames = frames.into_iter().enumerate();
    let frames = frames.filter(|(at, (frame, _))| is_kept(*at, frame));
    frames.map(|(_, frame)| frame).collect()
}

/// Returns the frames of the interrupted code, outside of the interrupt that made the report.
fn interrupted<'a, 'b>(frames: &'b [Classed<'a>]) -> &'b [Classed<'a>] {
    let is_report = |(_, class): &Classed<'_>| *class == Class::Reporting;
    // Registers first: another CPU requested this dump, and they show where this CPU was.
    let first = frames.first();
    if first.is_some_and(|first| first.0.place == Place::Registers && !is_report(first)) {
        return frames;
    }
    // Reporting code after other frames belongs to another printk, not to this report.
    let mut leading = frames
        .iter()
        .take_while(|(_, class)| *class != Class::Other);
    let Some(report) = leading.position(is_report) else {
        return frames;
    };
    let entry = frames
        .iter()
        .skip(report)
        .position(|(frame, class)| frame.place == Place::Registers || *class == Class::Entry);
    match entry {
        Some(entry) => frames.get(report + entry..).unwrap_or(frames),
        None => frames,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::{part, Part};

    fn backtrace(lines: &[&str]) -> Backtrace {
        let mut dump = Dump::default();
        for line in lines {
            match part(line) {
                Some(Part::Frame(frame)) => dump.push(frame),
                other => panic!("{line:?} is {other:?}"),
            }
        }
        Backtrace::new(&dump, Skipped::USUAL)
    }

    #[test]
    fn the_culprit_of_a_self_detected_stall_is_outside_of_the_interrupt() {
        let backtrace = backtrace(&[
            "dump_stack+0x57/0x6a",
            "nmi_cpu_backtrace.cold.5+0x13/0x4e",
            "rcu_dump_cpu_stacks+0xac/0xd4",
            "rcu_sched_clock_irq.cold.87+0x1e/0x3a4",
            "update_process_times+0x55/0x80",
            "unknown_tick_path+0x22/0x40",
            "asm_sysvec_apic_timer_interrupt+0x12/0x20",
            "RIP: 0010:native_queued_spin_lock_slowpath+0x5e/0x1d0",
            "_raw_spin_lock+0x1d/0x20",
            "evil_driver_work+0x44/0x90 [evil]",
            "process_one_work+0x1a7/0x3a0",
        ]);
        assert_eq!(backtrace.culprit.as_deref(), Some("evil_driver_work"));
        assert_eq!(backtrace.called.as_deref(), Some("_raw_spin_lock"));
        assert_eq!(
            backtrace.frames,
            [
                "native_queued_spin_lock_slowpath",
                "_raw_spin_lock",
                "evil_driver_work",
                "process_one_work"
            ]
        );
    }

    #[test]
    fn the_culprit_of_a_wait_is_the_caller_of_the_waiting_function() {
        let backtrace = backtrace(&[
            "__schedule+0x2e3/0x740",
            "schedule+0x42/0xb0",
            "schedule_timeout+0x10e/0x160",
            "wait_for_completion+0xb1/0x120",
            "__wait_rcu_gp+0x11c/0x130",
            "synchronize_rcu+0x67/0x70",
            "namespace_unlock+0x5d/0x80",
        ]);
        assert_eq!(backtrace.culprit.as_deref(), Some("namespace_unlock"));
        assert_eq!(backtrace.called.as_deref(), Some("synchronize_rcu"));
    }

    #[test]
    fn an_idle_cpu_has_no_culprit_frame() {
        let backtrace = backtrace(&[
            "RIP: 0010:native_safe_halt+0xe/0x10",
            "default_idle+0x20/0x140",
            "do_idle+0x1ee/0x210",
            "cpu_startup_entry+0x19/0x20",
        ]);
        assert!(backtrace.culprit.is_none() && backtrace.called.is_none());
    }

    #[test]
    fn unreliable_frames_are_dropped() {
        let backtrace = backtrace(&[
            "RIP: 0010:schedule+0x1/0x2",
            "? ghost+0x1/0x2",
            "real+0x1/0x2",
        ]);
        assert_eq!(backtrace.culprit.as_deref(), Some("real"));
        assert_eq!(backtrace.frames, ["schedule", "real"]);
    }

    #[test]
    fn a_long_stack_is_cut() {
        let mut long = Dump::default();
        for number in 0..50 {
            long.push(Frame {
                symbol: format!("f{number}"),
                place: Place::Trace,
            });
        }
        let backtrace = Backtrace::new(&long, Skipped::USUAL);
        assert_eq!(backtrace.frames.len(), MAX_FRAMES);
    }

    #[test]
    fn unreliable_frames_are_kept_where_the_unwinder_failed() {
        let backtrace = backtrace(&[
            "__schedule+0x1/0x2",
            "irqentry_exit+0x1/0x2",
            "? lock_release+0x1/0x2",
            "? ktime_get+0x1/0x2",
            "? spin+0x1/0x2",
        ]);
        assert_eq!(backtrace.culprit.as_deref(), Some("spin"), "{backtrace:?}");
    }

    #[test]
    fn a_clock_read_is_the_culprit_only_if_nothing_else_is_left() {
        let culprit = |lines: &[&str]| backtrace(lines).culprit;
        assert_eq!(
            culprit(&["RIP: 0010:ktime_get+0x1/0x2", "poll+0x1/0x2"]).as_deref(),
            Some("poll")
        );
        assert_eq!(
            culprit(&["RIP: 0010:ktime_get+0x1/0x2"]).as_deref(),
            Some("ktime_get")
        );
    }

    #[test]
    fn a_clock_driver_is_not_the_culprit() {
        let backtrace = backtrace(&[
            "rcu_sched_clock_irq+0x1/0x2",
            "hrtimer_interrupt+0x1/0x2",
            "some_timer_isr+0x1/0x2",
            "some_percpu_isr+0x1/0x2",
            "spin+0x1/0x2",
        ]);
        assert_eq!(backtrace.culprit.as_deref(), Some("spin"), "{backtrace:?}");
    }
}
