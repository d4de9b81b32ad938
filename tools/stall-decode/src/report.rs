// SPDX-License-Identifier: GPL-2.0

//! Reports whose lines are still being read. Each family of reports has a file with its parsers.

use std::sync::Arc;

use crate::backtrace::{Backtrace, Origin};
use crate::event::{Event, EventKind, Kthread, Stack, Task, Time, MAX_CULPRITS};
use crate::scan::{number_after, Scan};
use crate::stack::{base, Dump, Frame, Heading, Role};
use crate::unwrap::Caller;

mod atomic;
mod cpu_stall;
mod csd_lock;
mod culprits;
mod double_call_rcu;
mod expedited;
mod hung_task;
mod kthread;
mod lock_leak;
mod lockup;
mod memory;
mod suspicious;
mod tasks;
mod use_after_free;
mod voluntary;
mod workqueue;

/// A family of reports: its search strings and parsers.
#[derive(Debug)]
pub(crate) struct Family {
    /// Substrings of first lines. Only lines with one of them are passed to `parse_header`.
    pub(crate) headers: &'static [&'static str],
    /// Substrings of other lines. Only lines with one of them, or with one of `detail_starts` as
    /// first byte, are passed to `parse_detail`.
    pub(crate) details: &'static [&'static str],
    pub(crate) detail_starts: &'static [u8],
    /// Parses a first line.
    pub(crate) parse_header: fn(&str) -> Option<Event>,
    /// Parses another line. Returns whether it belongs to the report.
    pub(crate) parse_detail: fn(&mut Report, &str) -> bool,
    /// Completes the event from the whole report.
    pub(crate) complete: fn(&mut Report),
    /// How the family's reports come about.
    pub(crate) origin: Origin,
}

/// All families, in the order in which they parse a line.
pub(crate) static FAMILIES: [&Family; 15] = [
    &cpu_stall::FAMILY,
    &kthread::FAMILY,
    &expedited::FAMILY,
    &tasks::FAMILY,
    &voluntary::FAMILY,
    &suspicious::FAMILY,
    &atomic::FAMILY,
    &hung_task::FAMILY,
    &lockup::FAMILY,
    &workqueue::FAMILY,
    &csd_lock::FAMILY,
    &double_call_rcu::FAMILY,
    &use_after_free::FAMILY,
    &lock_leak::FAMILY,
    &memory::FAMILY,
];

/// Dumps kept per report.
const MAX_DUMPS: usize = 24;

/// Locks kept per report.
const MAX_LOCKS: usize = 32;

const BETWEEN_WORK: &str =
    "the worker was between two steps of its work; this is the function of its work item";
const ONLY_WORK: &str =
    "the log lacks the stack; this is the function of the work item that the worker runs";

/// A report that may have more lines.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) id: u64,
    pub(crate) family: &'static Family,
    /// Index in [`FAMILIES`].
    pub(crate) family_index: usize,
    pub(crate) caller: Option<Caller>,
    pub(crate) event: Event,
    /// The text of the first line, to recognize doubled lines.
    pub(crate) first_line: String,
    pub(crate) dumps: Vec<Dump>,
    /// The role of the next dump, if a line announced it.
    pub(crate) next_dump: Option<Role>,
    /// The line expected next, if a line announced it.
    pub(crate) expected: Option<Expected>,
    /// Whether the caller has begun another report, so that further dumps do not belong to this
    /// one.
    pub(crate) is_sealed: bool,
    pub(crate) is_done: bool,
    /// Whether another report of the same form was open when this one or that one began.
    pub(crate) has_sibling: bool,
    /// The input line being parsed.
    pub(crate) current_line: u64,
    /// The line of the newest request for the stack of another CPU.
    pub(crate) nmi_line: u64,
    /// The report's last line so far, and its time.
    pub(crate) last_line: u64,
    pub(crate) last_time: Option<Time>,
}

/// A line that follows an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// The message after a rule of dashes.
    Message,
    /// The function that disabled preemption.
    PreemptionDisabledAt,
    /// The name of the task, which a mail program wrapped.
    TaskName,
}

impl Report {
    /// Completes the event from all lines of the report.
    pub(crate) fn complete(&mut self) {
        for dump in &mut self.dumps {
            dump.finish(None);
            let origin = match dump.role {
                Role::GpKthread => Origin::RcuKthread,
                _ => self.family.origin,
            };
            dump.backtrace = Some(Arc::new((origin, Backtrace::new(dump, origin))));
        }
        (self.family.complete)(self);
        self.add_evidence();
        let owner = self.only_subject();
        let stacks = self.dumps.iter();
        self.event.stacks = stacks
            .filter_map(|dump| Self::stack_of(dump, &owner))
            .collect();
    }

    /// Adds what all dumps show, whatever their role.
    fn add_evidence(&mut self) {
        let dumps = &self.dumps;
        let evidence = &mut self.event.evidence;
        // A log that ends at the request does not show which CPUs answer.
        if self.current_line <= self.nmi_line {
            evidence.silent_cpus.clear();
        }
        evidence
            .silent_cpus
            .retain(|&cpu| !dumps.iter().any(|dump| dump.cpu == Some(cpu)));
        let behind = dumps
            .iter()
            .filter_map(|dump| Some((dump.cpu?, dump.clock_behind?)));
        evidence.clock_behind = behind.max_by(|(_, a), (_, b)| a.total_cmp(b));
        evidence.is_realtime |= dumps.iter().any(|dump| dump.is_realtime);
    }

    /// Gives the line on a CPU to a report that was printed at the same time, if this report took
    /// it but never had totals: its own lines are not in the log.
    pub(crate) fn give_details(&mut self, other: &mut Self) {
        let is_orphan = self.has_sibling
            && self.event.self_detected == Some(true)
            && self.event.t_jiffies.is_none()
            && other.event.self_detected == Some(false);
        if !is_orphan {
            return;
        }
        let details = std::mem::take(&mut self.event.cpu_details);
        other.event.cpu_details.splice(0..0, details);
        other.event.cpu_details.truncate(MAX_CULPRITS);
        for cpu in std::mem::take(&mut self.event.cpus) {
            other.event.add_cpu(cpu);
        }
        other.dumps.splice(0..0, std::mem::take(&mut self.dumps));
        other.dumps.truncate(MAX_DUMPS);
    }

    /// Adds what the report on the starved kthread, which is part of this one, shows.
    pub(crate) fn borrow_evidence(&mut self, next: &Self) {
        let is_part = self.event.kind == EventKind::RcuCpuStall
            && next.event.kind == EventKind::RcuKthreadStarved
            && self.event.flavor == next.event.flavor;
        if !is_part {
            return;
        }
        let behind = next
            .dumps
            .iter()
            .filter_map(|dump| Some((dump.cpu?, dump.clock_behind?)));
        let behind = behind.max_by(|(_, a), (_, b)| a.total_cmp(b));
        let evidence = &mut self.event.evidence;
        evidence.clock_behind = evidence.clock_behind.or(behind);
        evidence.kthread_overdue = next.event.kthread.as_ref().and_then(Kthread::overdue);
    }

    /// Names the only CPU or task of the report, whose stack may have no heading.
    fn only_subject(&self) -> String {
        match (self.event.tasks.as_slice(), self.event.cpus.as_slice()) {
            ([task], _) => task.to_string(),
            ([], [cpu]) => format!("CPU {cpu}"),
            _ => "an owner that the log does not name".to_string(),
        }
    }

    /// Returns a stack with its owner, as the event shows it.
    fn stack_of(dump: &Dump, subject: &str) -> Option<Stack> {
        if dump.frames.is_empty() && dump.idle_at.is_none() {
            return None;
        }
        let (_, backtrace) = dump.backtrace.as_deref()?;
        (!backtrace.frames.is_empty()).then(|| Stack {
            of: owner_of(dump, subject),
            frames: backtrace.frames.clone(),
        })
    }

    /// Starts a dump, or continues the current one if `heading` belongs to it. Returns its index.
    pub(crate) fn begin_dump(
        &mut self,
        heading: &Heading,
        current: Option<usize>,
    ) -> Option<usize> {
        if self.event.kernel.is_none() {
            self.event.kernel.clone_from(&heading.kernel);
        }
        if self.event.taint.is_none() {
            self.event.taint.clone_from(&heading.taint);
        }
        let continued = current.filter(|&at| {
            let dump = self.dumps.get(at);
            dump.is_some_and(|dump| continues(dump, heading) && self.next_dump.is_none())
        });
        let at = match continued {
            Some(at) => at,
            None if self.dumps.len() < MAX_DUMPS => {
                self.dumps.push(Dump {
                    role: self.next_dump.take().unwrap_or_default(),
                    ..Dump::default()
                });
                self.dumps.len() - 1
            }
            None => return None,
        };
        let dump = self.dumps.get_mut(at)?;
        dump.cpu = dump.cpu.or(heading.cpu);
        dump.pid = heading.pid.or(dump.pid);
        dump.comm = heading.comm.clone().or(dump.comm.take());
        dump.state = heading.state.clone().or(dump.state.take());
        dump.idle_at = heading.idle_at.clone().or(dump.idle_at.take());
        dump.is_of_task |= heading.state.is_some();
        dump.is_realtime |= heading.is_realtime;
        Some(at)
    }

    /// Starts a dump without a heading.
    pub(crate) fn begin_unnamed_dump(&mut self) -> Option<usize> {
        self.begin_dump(&Heading::default(), None)
    }

    pub(crate) fn has_frames(&self) -> bool {
        self.dumps.iter().any(|dump| !dump.frames.is_empty())
    }

    /// Returns whether a heading agrees with the newest dump.
    pub(crate) fn newest_dump_matches(&self, heading: &Heading) -> bool {
        self.dumps.last().is_some_and(|dump| {
            dump.role != Role::Subject && heading.cpu.is_none()
                || agrees(dump.cpu, heading.cpu) && agrees(dump.pid, heading.pid)
        })
    }

    /// Returns the dumps of the report's subjects, which are CPUs or tasks.
    pub(crate) fn subject_dumps(&self) -> impl Iterator<Item = &Dump> {
        self.dumps.iter().filter(|dump| dump.role == Role::Subject)
    }

    pub(crate) fn dump_of(&self, role: Role) -> Option<&Dump> {
        self.dumps.iter().find(|dump| dump.role == role)
    }

    /// Returns whether the event lists the task of a dump.
    pub(crate) fn lists_task_of(&self, dump: &Dump) -> bool {
        let is_task = |task: &Task| task.pid == dump.pid;
        dump.pid.is_some() && self.event.tasks.iter().any(is_task)
    }

    /// Adds the task of a dump, and its stack.
    pub(crate) fn add_task_and_stack(&mut self, dump: &Dump, origin: Origin) {
        if let Some(task) = task_of(dump) {
            self.event.add_task(task);
        }
        self.add_stack(dump, origin);
    }

    /// Sets the event's stack, unless it already has one with a culprit.
    pub(crate) fn add_stack(&mut self, dump: &Dump, origin: Origin) {
        if self.event.culprit_frame.is_some() && !self.event.frames.is_empty() {
            return;
        }
        let backtrace = backtrace_of(dump, origin);
        if self.event.frames.is_empty() || backtrace.culprit.is_some() {
            let is_empty = backtrace.culprit.is_none() && backtrace.frames.is_empty();
            self.set_backtrace(backtrace);
            self.add_work(dump, is_empty);
        }
    }

    /// Adds the work item of a dump's worker. It is the lead if the stack is missing.
    pub(crate) fn add_work(&mut self, dump: &Dump, is_stack_empty: bool) {
        let is_worker = |frame: &Frame| base(&frame.symbol) == "worker_thread";
        let runs_work = |frame: &Frame| base(&frame.symbol).ends_with("process_one_work");
        self.event.evidence.is_idle_worker =
            dump.frames.iter().any(is_worker) && !dump.frames.iter().any(runs_work);
        let Some(work) = &dump.work else {
            return;
        };
        self.event.work.clone_from(&work.function);
        let is_between = self.event.culprit_frame.is_none() && dump.frames.iter().any(runs_work);
        if (is_stack_empty || is_between) && work.function.is_some() {
            self.event.culprit_frame.clone_from(&work.function);
            self.event.culprit_module.clone_from(&work.module);
            self.event.culprit_doubt = Some(if is_between { BETWEEN_WORK } else { ONLY_WORK });
        }
    }

    pub(crate) fn set_backtrace(&mut self, backtrace: Backtrace) {
        self.event.frames = backtrace.frames;
        self.event.culprit_frame = backtrace.culprit;
        self.event.culprit_module = backtrace.module;
        self.event.culprit_doubt = backtrace.doubt;
        self.event.evidence.is_stack_cut = backtrace.is_cut;
        self.event.evidence.is_in_user_mode = backtrace.is_in_user_mode;
        self.event.evidence.is_printing = backtrace.is_printing;
    }

    /// Adds CPU, task and stack of the current task, whose dump is the first.
    pub(crate) fn add_current_task(&mut self, origin: Origin) {
        let dump = self.subject_dumps().find(|dump| !dump.frames.is_empty());
        let Some(dump) = dump.or_else(|| self.subject_dumps().next()).cloned() else {
            return;
        };
        if self.event.cpus.is_empty() {
            self.event.cpus.extend(dump.cpu);
        }
        let known = self.event.tasks.first().and_then(|task| task.pid);
        if known.is_none() || known == dump.pid {
            if let Some(task) = task_of(&dump) {
                if known.is_none() {
                    self.event.tasks.clear();
                }
                self.event.add_task(task);
            }
        }
        self.add_stack(&dump, origin);
    }

    /// Parses `Sending NMI from CPU 1 to CPUs 2-3:`, and the note after 10 s without an answer.
    pub(crate) fn parse_nmi_request(&mut self, text: &str) -> bool {
        if text.starts_with("After ") && text.contains("responded to the NMI: ") {
            self.event.evidence.nmi_wait = number_after(text, "After ").map(|wait| wait as f64);
            return true;
        }
        if !text.starts_with("Sending NMI from CPU ") {
            return false;
        }
        self.nmi_line = self.current_line;
        if let Some(mut scan) = Scan::after(text, " to CPUs ") {
            for cpu in scan.cpu_list() {
                if !self.event.evidence.silent_cpus.contains(&cpu) {
                    self.event.evidence.silent_cpus.push(cpu);
                }
            }
        }
        true
    }

    /// Parses a lock in lockdep's list, or its head: `1 lock held by foo/57:`.
    pub(crate) fn parse_locks(&mut self, text: &str) -> bool {
        if text.starts_with('#') {
            let is_lock = text.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
            let Some((_, lock)) = text.split_once(": ").filter(|_| is_lock) else {
                return false;
            };
            if self.event.locks.len() < MAX_LOCKS {
                self.event.locks.push(lock.trim().to_string());
            }
            return true;
        }
        let Some((before, holder)) = text.split_once(" held by ") else {
            return false;
        };
        if !before.ends_with("lock") && !before.ends_with("locks") {
            return false;
        }
        // The name may contain a slash; the pid follows the last one.
        let holder = holder.rsplit_once('/');
        let holder = holder.and_then(|(comm, rest)| Some((comm, Scan::new(rest).small()?)));
        if let (Some((comm, pid)), true) = (holder, self.event.tasks.is_empty()) {
            self.event.add_task(task_named(comm, Some(pid)));
        }
        true
    }

    /// Parses lockdep's line of release and taint: `6.18.15 #1 Tainted: G O`.
    pub(crate) fn parse_release(&mut self, text: &str) -> bool {
        let is_release = self.event.kernel.is_none()
            && crate::stack::looks_like_release(text)
            && text.contains('#');
        if is_release {
            let kernel = text.split(' ').next().unwrap_or(text);
            self.event.kernel = Some(kernel.to_string());
        }
        is_release
    }
}

/// Names the owner of a stack.
fn owner_of(dump: &Dump, subject: &str) -> String {
    let task = task_of(dump).map(|task| task.to_string());
    let cpu = dump.cpu.map(|cpu| format!("CPU {cpu}"));
    let who: Vec<_> = cpu.into_iter().chain(task).collect();
    let who = who.join(", ");
    let what = match dump.role {
        Role::Subject => "",
        Role::GpKthread => "grace-period kthread",
        Role::GpKthreadCpu => "CPU where the grace-period kthread last ran",
        Role::Detector => "CPU that made the report; not to blame",
        Role::Holder => "holder of the lock",
        Role::Worker => "worker of the pool",
        Role::Allocated => "allocation of the object",
        Role::Freed => "free of the object",
        Role::Queued => "queueing of the callback or work",
    };
    match (who.is_empty(), what.is_empty()) {
        (true, true) => subject.to_string(),
        (true, false) => what.to_string(),
        (false, true) => who,
        (false, false) => format!("{who} ({what})"),
    }
}

fn agrees(a: Option<u32>, b: Option<u32>) -> bool {
    a.is_none() || b.is_none() || a == b
}

/// Returns whether a heading continues a dump: one line names the CPU, the next the task.
fn continues(dump: &Dump, heading: &Heading) -> bool {
    !dump.has_trace
        && dump.frames.is_empty()
        && dump.idle_at.is_none()
        && !(heading.announces && dump.comm.is_some())
        && agrees(dump.cpu, heading.cpu)
        && agrees(dump.pid, heading.pid)
}

/// Returns the backtrace of a dump, which a complete report already has for its own origin.
pub(crate) fn backtrace_of(dump: &Dump, origin: Origin) -> Backtrace {
    match dump.backtrace.as_deref() {
        Some((known, backtrace)) if *known == origin => backtrace.clone(),
        _ => Backtrace::new(dump, origin),
    }
}

pub(crate) fn task_of(dump: &Dump) -> Option<Task> {
    if dump.pid.is_none() && dump.comm.is_none() {
        return None;
    }
    Some(Task {
        pid: dump.pid,
        comm: dump.comm.clone(),
        state: dump.state.clone(),
        ..Task::default()
    })
}

pub(crate) fn task_named(comm: &str, pid: Option<u32>) -> Task {
    Task {
        pid,
        comm: Some(comm.to_string()),
        ..Task::default()
    }
}

/// Returns an event whose first line names a task.
pub(crate) fn event_of_task(kind: EventKind, comm: &str, pid: Option<u32>) -> Event {
    let mut event = Event::new(kind);
    event.tasks.push(task_named(comm, pid));
    event
}
