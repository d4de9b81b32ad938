// SPDX-License-Identifier: GPL-2.0

//! Assigns the lines of stack dumps to open reports.
//!
//! A caller's lines follow one another, so each caller has a route: the dump to which its next
//! frame belongs. A heading sets the route. Without caller IDs all lines share one route, and the
//! CPU or task in a heading selects the report.

use std::sync::Arc;

use super::open::{extend, is_same_caller, OpenReports};
use crate::event::EventKind;
use crate::log_clock::LogClock;
use crate::report::Report;
use crate::stack::{Heading, Part, Place};
use crate::unwrap::{Caller, Line};

/// Callers with a route.
const MAX_ROUTES: usize = 16;
/// Lines between a message and its `WARNING:`, which x86 prints after the message.
const WARNING_LINES: u64 = 5;

/// Seconds by which the clock of a CPU that answers an NMI must be behind to be worth a note.
const MIN_BEHIND: f64 = 2.0;

/// The dump to which a caller's frames belong.
#[derive(Clone, Copy, Debug)]
struct Route {
    caller: Option<Caller>,
    report: u64,
    dump: usize,
}

/// The routes of all callers, oldest first.
#[derive(Debug, Default)]
pub(super) struct Routes {
    routes: Vec<Route>,
    /// Two dumps that two CPUs print at the same time, line by line. The first gets the next frame.
    mixed: Option<[Route; 2]>,
}

impl Routes {
    fn get(&self, caller: Option<Caller>) -> Option<Route> {
        self.routes
            .iter()
            .find(|route| route.caller == caller)
            .copied()
    }

    pub(super) fn set(&mut self, caller: Option<Caller>, report: u64, dump: usize) {
        self.remove(caller);
        if self.routes.len() >= MAX_ROUTES {
            self.routes.remove(0);
        }
        self.routes.push(Route {
            caller,
            report,
            dump,
        });
    }

    pub(super) fn remove(&mut self, caller: Option<Caller>) {
        self.mixed = None;
        self.routes.retain(|route| route.caller != caller);
    }

    pub(super) fn remove_report(&mut self, report: u64) {
        self.mixed = None;
        self.routes.retain(|route| route.report != report);
    }
}

impl OpenReports {
    /// Adds a line of a dump to the report that it belongs to.
    pub(super) fn add_part(&mut self, line: &Line<'_>, part: Part, clock: &LogClock) {
        let at = match &part {
            Part::Heading(heading) => self.begin_dump(line, heading),
            Part::Frames(..) => self.alternate(line).or_else(|| self.current_dump(line)),
            _ => self.current_dump(line),
        };
        let Some((report, dump)) = at else {
            return;
        };
        let Some(report) = self.reports.get_mut(report) else {
            return;
        };
        extend(report, line, clock);
        let Some(dump) = report.dumps.get_mut(dump) else {
            return;
        };
        match part {
            Part::Heading(heading) => {
                let behind = clock.step().map(|step| -step);
                let behind = behind.filter(|&behind| behind > MIN_BEHIND);
                if let (Some(behind), Some(_)) = (behind, heading.cpu) {
                    dump.clock_behind.get_or_insert(behind);
                }
            }
            Part::UserMode => dump.is_in_user_mode |= dump.frames.is_empty(),
            Part::Trace => dump.has_trace = true,
            Part::Work(work) => dump.work = Some(work),
            Part::Unreliable => {
                if let Some(frame) = Arc::make_mut(&mut dump.frames).last_mut() {
                    frame.place = Place::Unreliable;
                }
            }
            Part::Frames(frame, caller) => dump.push(frame, caller),
        }
    }

    /// Adds the CPU and task of a `WARNING:` to the report whose message preceded it, as on x86.
    pub(super) fn add_warning(&mut self, line: &Line<'_>, heading: &Heading) -> bool {
        let report = self.reports.iter_mut().rev().find(|report| {
            let is_warning = matches!(
                report.event.kind,
                EventKind::VoluntaryContextSwitch | EventKind::DoubleCallRcu
            );
            let distance = line.number.saturating_sub(report.event.line);
            is_warning && distance <= WARNING_LINES && !report.has_frames()
        });
        let Some(report) = report else {
            return false;
        };
        // decode_stacktrace.sh repeats the line for each inlined function.
        if report.dumps.is_empty() {
            if let Some(dump) = report.begin_dump(heading, None) {
                self.routes.set(line.caller, report.id, dump);
            }
        }
        true
    }

    /// Returns the dump whose turn it is, if two CPUs print their stacks at the same time.
    fn alternate(&mut self, line: &Line<'_>) -> Option<(usize, usize)> {
        let [first, second] = self.routes.mixed.filter(|_| line.caller.is_none())?;
        self.routes.mixed = Some([second, first]);
        let at = self
            .reports
            .iter()
            .position(|report| report.id == first.report)?;
        Some((at, first.dump))
    }

    /// Notices that another CPU's heading directly follows that of a dump without frames.
    fn mix(&mut self, before: Option<Route>, line: &Line<'_>, heading: &Heading) {
        let after = self.routes.get(line.caller);
        let (Some(before), Some(after), None) = (before, after, line.caller) else {
            return;
        };
        let dump_of = |route: Route| {
            let mut reports = self.reports.iter();
            let report = reports.find(|report| report.id == route.report && !report.is_done)?;
            report.dumps.get(route.dump)
        };
        let is_mixed = heading.pid.is_some()
            && dump_of(before)
                .zip(dump_of(after))
                .is_some_and(|(first, second)| {
                    let differ =
                        first.cpu.is_some() && second.cpu.is_some() && first.cpu != second.cpu;
                    differ && first.pid.is_some() && first.frames.is_empty() && !first.has_trace
                });
        if !is_mixed {
            return;
        }
        self.routes.mixed = Some([before, after]);
        for route in [before, after] {
            let mut reports = self.reports.iter_mut();
            let report = reports.find(|report| report.id == route.report);
            if let Some(dump) = report.and_then(|report| report.dumps.get_mut(route.dump)) {
                dump.is_mixed = true;
            }
        }
    }

    /// Returns the report and dump of a heading.
    fn begin_dump(&mut self, line: &Line<'_>, heading: &Heading) -> Option<(usize, usize)> {
        let before = self.routes.get(line.caller);
        let found = self.dump_of_heading(line, heading);
        self.mix(before, line, heading);
        found
    }

    fn dump_of_heading(&mut self, line: &Line<'_>, heading: &Heading) -> Option<(usize, usize)> {
        let Some(at) = self.report_of(line, heading) else {
            self.routes.remove(line.caller);
            return None;
        };
        let report = self.reports.get_mut(at)?;
        let current = self.routes.get(line.caller);
        let current = current.filter(|route| route.report == report.id);
        let dump = report.begin_dump(heading, current.map(|route| route.dump))?;
        self.routes.set(line.caller, report.id, dump);
        Some((at, dump))
    }

    /// Returns the report of a heading's dump, by the first rule that applies.
    fn report_of(&self, line: &Line<'_>, heading: &Heading) -> Option<usize> {
        let is_here = |report: &Report| is_same_caller(report.caller, line.caller);
        self.newest(|report| is_here(report) && report.next_dump.is_some())
            .or_else(|| self.starved_kthread(heading))
            .or_else(|| self.continued(line, heading))
            .or_else(|| self.newest_except_kthread(|report| lists(report, heading)))
            .or_else(|| self.newest_except_kthread(is_here))
            // Other CPUs answer an NMI under their own caller ID.
            .or_else(|| {
                self.newest_except_kthread(|report| {
                    heading.cpu.is_some() && sends_nmi(report.event.kind)
                })
            })
    }

    /// Returns the report of a starved kthread if the dump is the kthread's.
    ///
    /// Kernels before 4.18 do not announce that dump. Only the kthread's name identifies it.
    fn starved_kthread(&self, heading: &Heading) -> Option<usize> {
        let at = self.newest(|report| report.event.kind == EventKind::RcuKthreadStarved)?;
        let report = self.reports.get(at)?;
        let is_kthread = heading.comm.is_some() && heading.comm == report.event.flavor;
        (is_kthread && (report.dumps.is_empty() || report.newest_dump_matches(heading)))
            .then_some(at)
    }

    /// Returns the report whose dump has begun but has no frames, if the heading continues it.
    fn continued(&self, line: &Line<'_>, heading: &Heading) -> Option<usize> {
        let route = self.routes.get(line.caller)?;
        let at = self.newest(|report| report.id == route.report)?;
        let report = self.reports.get(at)?;
        let dump = report.dumps.get(route.dump)?;
        let is_fresh = dump.frames.is_empty() && !dump.has_trace;
        (is_fresh && report.newest_dump_matches(heading)).then_some(at)
    }

    /// Returns the newest report that accepts dumps and matches.
    fn newest(&self, matches: impl Fn(&Report) -> bool) -> Option<usize> {
        self.reports
            .iter()
            .rposition(|report| !report.is_done && !report.is_sealed && matches(report))
    }

    /// Like [`Self::newest`], without starved kthreads, whose dumps are announced.
    fn newest_except_kthread(&self, matches: impl Fn(&Report) -> bool) -> Option<usize> {
        self.newest(|report| report.event.kind != EventKind::RcuKthreadStarved && matches(report))
    }

    /// Returns the report and dump to which a caller's frame belongs.
    fn current_dump(&mut self, line: &Line<'_>) -> Option<(usize, usize)> {
        if let Some(route) = self.routes.get(line.caller) {
            let mut reports = self.reports.iter();
            let at = reports.position(|report| report.id == route.report)?;
            let report = self.reports.get(at)?;
            return (!report.is_done && report.next_dump.is_none()).then_some((at, route.dump));
        }
        // sparc prints stacks without a heading, and some logs have lost it.
        let at = self.newest(|report| {
            let is_kthread =
                report.event.kind == EventKind::RcuKthreadStarved && report.next_dump.is_none();
            !is_kthread && is_same_caller(report.caller, line.caller)
        })?;
        let report = self.reports.get_mut(at)?;
        let dump = report.begin_unnamed_dump()?;
        self.routes.set(line.caller, report.id, dump);
        Some((at, dump))
    }
}

/// Returns whether a report lists the task of a heading, or its CPU without a stack so far.
fn lists(report: &Report, heading: &Heading) -> bool {
    let has_stack_of = |cpu: u32| {
        let mut dumps = report.dumps.iter();
        dumps.any(|dump| dump.cpu == Some(cpu) && !dump.frames.is_empty())
    };
    let lists_cpu = heading
        .cpu
        .is_some_and(|cpu| report.event.cpus.contains(&cpu) && !has_stack_of(cpu));
    let lists_task = heading
        .pid
        .is_some_and(|pid| pid != 0 && report.event.tasks.iter().any(|task| task.pid == Some(pid)));
    lists_cpu || lists_task
}

/// Returns whether the kernel requests dumps from other CPUs for a report of this kind.
fn sends_nmi(kind: EventKind) -> bool {
    kind.is_stall()
        || matches!(
            kind,
            EventKind::HardLockup | EventKind::SoftLockup | EventKind::CsdLock
        )
}
