// SPDX-License-Identifier: GPL-2.0

//! Open reports: begin, details, and end.

use super::routing::Routes;
use crate::event::{Event, EventKind, Time};
use crate::log_clock::LogClock;
use crate::report::{Report, FAMILIES};
use crate::stack::Heading;
use crate::unwrap::{Caller, Line};

/// Reports open at the same time.
pub(super) const MAX_OPEN: usize = 16;
/// Lines after a report's last one until it ends.
pub(super) const STALE_LINES: u64 = 400;
/// Seconds after a report's last line until it ends. Slow consoles and unanswered NMIs delay lines.
const STALE_SECONDS: f64 = 40.0;
/// Seconds without an answer to an NMI. The kernel waits for 10 s.
const MIN_NMI_WAIT: f64 = 9.0;
/// Lines between two reports that two CPUs print at the same time.
const SIBLING_LINES: u64 = 20;
/// Lines within which a logger may repeat a first line.
const DOUBLED_LINES: u64 = 200;

/// The open reports, oldest first.
#[derive(Debug, Default)]
pub(super) struct OpenReports {
    pub(super) reports: Vec<Report>,
    pub(super) routes: Routes,
    last_id: u64,
    /// When the newest NMI was requested.
    nmi_sent: Option<Time>,
    /// The seconds that the newest report waited for answers to its NMIs, if they are many.
    nmi_wait: Option<f64>,
}

impl OpenReports {
    pub(super) fn is_empty(&self) -> bool {
        self.reports.is_empty()
    }

    /// Begins a report. Ends those that it replaces, and the oldest if too many are open.
    pub(super) fn begin(
        &mut self,
        line: &Line<'_>,
        event: Event,
        family_index: usize,
        heading: Option<&Heading>,
    ) {
        let Some(&family) = FAMILIES.get(family_index) else {
            return;
        };
        let has_sibling = self.end_replaced(line, &event, family_index);
        self.last_id += 1;
        let mut event = event;
        if event.kind == EventKind::RcuKthreadStarved {
            event.evidence.nmi_wait = self.nmi_wait;
        } else {
            self.nmi_wait = None;
        }
        let mut report = Report {
            id: self.last_id,
            family,
            family_index,
            caller: line.caller,
            last_time: event.time.clone(),
            event,
            first_line: line.text.to_string(),
            dumps: Vec::new(),
            next_dump: None,
            expected: None,
            is_sealed: false,
            is_done: false,
            has_sibling,
            current_line: line.number,
            nmi_line: 0,
            last_line: line.number,
        };
        self.routes.remove(line.caller);
        if let Some(dump) = heading.and_then(|heading| report.begin_dump(heading, None)) {
            self.routes.set(line.caller, report.id, dump);
        }
        if self.reports.len() >= MAX_OPEN {
            if let Some(oldest) = self.reports.first_mut() {
                oldest.is_done = true;
            }
        }
        self.reports.push(report);
    }

    /// Returns whether a first line is a repetition by the logger.
    pub(super) fn is_doubled(&self, line: &Line<'_>, time: Option<&Time>) -> bool {
        self.reports.iter().any(|report| {
            let distance = line.number.saturating_sub(report.event.line);
            let is_same_time = match (&report.event.time, time) {
                (Some(first), Some(time)) => first == time,
                (None, None) => distance < 2,
                _ => false,
            };
            report.first_line == line.text && is_same_time && distance < DOUBLED_LINES
        })
    }

    /// Ends the reports that a new one replaces: those of its caller or family, and of starved
    /// kthreads. Returns whether an incomplete report of the same family stays open.
    fn end_replaced(&mut self, line: &Line<'_>, event: &Event, family_index: usize) -> bool {
        // A starved kthread is reported within the report of its stall, which continues after it.
        if event.kind == EventKind::RcuKthreadStarved {
            return false;
        }
        let mut has_sibling = false;
        for report in &mut self.reports {
            let are_known = line.caller.is_some() && report.caller.is_some();
            let is_same = are_known && report.caller == line.caller;
            let is_other = are_known && report.caller != line.caller;
            let is_same_family = report.family_index == family_index;
            // Two CPUs that report at the same time mix their lines.
            let is_incomplete = report.event.kind == EventKind::RcuCpuStall
                && report.event.t_jiffies.is_none()
                && line.number.saturating_sub(report.last_line) <= SIBLING_LINES;
            if is_same_family && is_incomplete && !is_same && !report.is_done {
                report.has_sibling = true;
                has_sibling = true;
                continue;
            }
            report.is_done |= is_same
                || is_same_family && !is_other
                || report.event.kind == EventKind::RcuKthreadStarved;
        }
        has_sibling
    }

    /// Notices how long the reporting CPU waited for the answer to an NMI.
    pub(super) fn note_nmi(&mut self, line: &Line<'_>, clock: &LogClock) {
        let answers = line.text.starts_with("NMI backtrace for cpu");
        let sent = self.nmi_sent.as_ref().filter(|_| !answers);
        let wait = sent.and_then(|sent| clock.seconds_since(sent));
        if answers || wait.is_none_or(|wait| wait > MIN_NMI_WAIT) {
            self.nmi_sent = None;
        }
        if let Some(wait) = wait {
            if wait > MIN_NMI_WAIT {
                self.nmi_wait = Some(self.nmi_wait.unwrap_or_default() + wait);
                if let Some(report) = self
                    .reports
                    .iter_mut()
                    .rfind(|report| report.event.kind.is_stall())
                {
                    report.event.evidence.nmi_wait = Some(wait);
                }
            }
        }
        if line.text.starts_with("Sending NMI from CPU ") {
            self.nmi_sent = clock.time(line.stamp);
        }
    }

    /// Adds a detail to the report whose parser accepts it. Returns whether there is one.
    ///
    /// The newest report is first, but of reports that mix their lines the oldest.
    pub(super) fn add_detail(&mut self, line: &Line<'_>, found: u32, clock: &LogClock) -> bool {
        let siblings = self.reports.iter().position(|report| report.has_sibling);
        let oldest_first = siblings.map_or(0..0, |first| first..self.reports.len());
        let newest_first = (0..oldest_first.start).rev();
        let newest_first = match siblings {
            Some(_) => newest_first,
            None => (0..self.reports.len()).rev(),
        };
        for at in oldest_first.chain(newest_first) {
            let Some(report) = self.reports.get_mut(at) else {
                continue;
            };
            let first_byte = line.text.bytes().next();
            let starts = report.family.detail_starts;
            let is_candidate = found & (1 << report.family_index) != 0
                || report.expected.is_some()
                || first_byte.is_some_and(|first| starts.contains(&first));
            let is_open = !report.is_done && is_same_caller(report.caller, line.caller);
            report.current_line = line.number;
            if !is_open || !is_candidate || !(report.family.parse_detail)(report, line.text) {
                continue;
            }
            extend(report, line, clock);
            // An announced dump starts with a heading of its own.
            if report.next_dump.is_some() {
                self.routes.remove(line.caller);
            }
            return true;
        }
        false
    }

    /// Records the end of the provoked stall in all open reports.
    pub(super) fn set_stall_end(&mut self, time: &Time) {
        for report in &mut self.reports {
            report.event.ended_at.get_or_insert_with(|| time.clone());
        }
    }

    /// Notes a panic, which the kernel may be configured to cause after a report.
    pub(super) fn panic(&mut self, line: &Line<'_>) {
        let Some((_, reason)) = line.text.split_once("Kernel panic - not syncing") else {
            return;
        };
        let reason = reason.trim_start_matches(": ");
        let newest = self.reports.iter_mut().rev().find(|report| {
            let kinds = panic_kinds(reason);
            !report.is_done && kinds.contains(&report.event.kind)
        });
        if let Some(report) = newest {
            report.event.panic.get_or_insert_with(|| reason.to_string());
            let is_lockup = matches!(
                report.event.kind,
                EventKind::SoftLockup | EventKind::HardLockup
            );
            if is_lockup && !report.has_frames() {
                // The report's own stack is missing. That of the panic is of the same CPU.
                return;
            }
        }
        self.seal(line);
    }

    /// Stops adding dumps to the reports of a caller that has printed something else.
    pub(super) fn seal(&mut self, line: &Line<'_>) {
        let is_end = line.text.starts_with("---[ end ");
        for report in &mut self.reports {
            // An end mark before the report's own stack belongs to an earlier report.
            if is_same_caller(report.caller, line.caller) && (!is_end || report.has_frames()) {
                report.is_sealed = true;
            }
        }
        self.routes.remove(line.caller);
    }

    /// Ends the reports that began before input line `first`.
    pub(super) fn end_before(&mut self, first: u64) {
        for report in &mut self.reports {
            report.is_done |= report.event.line < first;
        }
    }

    pub(super) fn set_boot(&mut self, boot: u64) {
        for report in &mut self.reports {
            report.event.boot = boot;
        }
    }

    /// Ends the reports without a recent line. Returns whether any report has ended.
    pub(super) fn end_stale(&mut self, clock: &LogClock, number: u64) -> bool {
        let mut any = false;
        for report in &mut self.reports {
            let since = report.last_time.as_ref();
            let since = since.and_then(|last| clock.seconds_since(last));
            report.is_done |= since.is_some_and(|since| since > STALE_SECONDS)
                || number.saturating_sub(report.last_line) > STALE_LINES;
            any |= report.is_done;
        }
        any
    }

    pub(super) fn end_all(&mut self) {
        for report in &mut self.reports {
            report.is_done = true;
        }
    }

    /// Removes the oldest report if it has ended. Later ones wait, so that events are in order.
    pub(super) fn pop_done(&mut self) -> Option<Report> {
        if !self.reports.first()?.is_done {
            return None;
        }
        let report = self.reports.remove(0);
        self.routes.remove_report(report.id);
        Some(report)
    }
}

/// Returns the kinds of report after which the kernel panics with a reason.
fn panic_kinds(reason: &str) -> &'static [EventKind] {
    use EventKind::{
        CsdLock, HardLockup, HungTask, Oom, RcuCpuStall, RcuExpeditedStall, SoftLockup,
    };
    let table: [(&str, &[EventKind]); 8] = [
        ("softlockup", &[SoftLockup]),
        ("Hard LOCKUP", &[HardLockup]),
        ("hung_task", &[HungTask]),
        ("RCU Stall", &[RcuCpuStall, RcuExpeditedStall]),
        ("Out of memory", &[Oom]),
        ("System is deadlocked on memory", &[Oom]),
        ("csd", &[CsdLock]),
        ("workqueue", &[EventKind::WorkqueueLockup]),
    ];
    let found = table.iter().find(|(start, _)| reason.starts_with(start));
    found.map_or(&[], |(_, kinds)| kinds)
}

/// Returns whether two lines may be from one caller. An unknown caller matches any.
pub(super) fn is_same_caller(a: Option<Caller>, b: Option<Caller>) -> bool {
    a.is_none() || b.is_none() || a == b
}

/// Makes a line the last one of a report.
pub(super) fn extend(report: &mut Report, line: &Line<'_>, clock: &LogClock) {
    report.last_line = line.number;
    if let Some(time) = clock.time(line.stamp) {
        report.last_time = Some(time);
    }
}
