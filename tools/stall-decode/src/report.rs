// SPDX-License-Identifier: GPL-2.0

//! Reports of the kernel while their lines come in. Each family of reports has a file that knows its lines.

use crate::event::{Event, EventKind, Task, Time};
use crate::machinery::{self, Passed, Story};
use crate::stack::{Dump, Heading, Role};
use crate::unwrap::Caller;

pub(crate) mod atomic;
pub(crate) mod cpu_stall;
pub(crate) mod double_call_rcu;
pub(crate) mod expedited;
pub(crate) mod hung_task;
pub(crate) mod kthread;
pub(crate) mod lock_leak;
pub(crate) mod lockup;
pub(crate) mod memory;
pub(crate) mod suspicious;
pub(crate) mod tasks;
pub(crate) mod use_after_free;
pub(crate) mod voluntary;

/// A family of reports: how its lines are known, and what is made of them in the end.
#[derive(Debug)]
pub(crate) struct Family {
    /// What a first line has in it; only lines with one of these are shown to `header`.
    pub(crate) needles: &'static [&'static str],
    /// What the other lines have in them, or begin with; only those are shown to `detail`.
    pub(crate) details: &'static [&'static str],
    pub(crate) starts: &'static [u8],
    /// The event that a first line begins.
    pub(crate) header: fn(&str) -> Option<Event>,
    /// Takes one of the other lines, if it belongs to the report.
    pub(crate) detail: fn(&mut Report, &str) -> bool,
    /// Fills in what only the whole report tells.
    pub(crate) settle: fn(&mut Report),
}

/// All families, in the order in which a line is shown to them.
pub(crate) static FAMILIES: [&Family; 13] = [
    &cpu_stall::FAMILY,
    &kthread::FAMILY,
    &expedited::FAMILY,
    &tasks::FAMILY,
    &voluntary::FAMILY,
    &suspicious::FAMILY,
    &atomic::FAMILY,
    &hung_task::FAMILY,
    &lockup::FAMILY,
    &double_call_rcu::FAMILY,
    &use_after_free::FAMILY,
    &lock_leak::FAMILY,
    &memory::FAMILY,
];

/// Dumps that are kept of a report.
const MAX_DUMPS: usize = 24;

/// Locks that are kept of a report.
pub(crate) const MAX_LOCKS: usize = 32;

/// A report that may still go on.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) id: u64,
    pub(crate) family: &'static Family,
    pub(crate) family_index: usize,
    pub(crate) caller: Option<Caller>,
    pub(crate) event: Event,
    /// The first line's text, by which repeated lines are known.
    pub(crate) first: String,
    pub(crate) dumps: Vec<Dump>,
    /// What the next dump is of, if a line said so.
    pub(crate) next_dump: Option<Role>,
    /// A line that asks for something of the next one.
    pub(crate) pending: Pending,
    /// Takes no more dumps: another report began where it was printed.
    pub(crate) sealed: bool,
    pub(crate) done: bool,
    /// The line that is being looked at.
    pub(crate) line: u64,
    /// The last line that belonged to it, and the clock then.
    pub(crate) last_line: u64,
    pub(crate) last_time: Option<Time>,
}

/// What the next line is to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Pending {
    #[default]
    Nothing,
    /// The message under a line of dashes.
    Message,
    /// The place where preemption was disabled.
    PreemptionDisabledAt,
}

impl Report {
    /// The index of the dump that a heading begins or goes on with.
    pub(crate) fn heading(&mut self, heading: &Heading, current: Option<usize>) -> Option<usize> {
        if self.event.kernel.is_none() {
            self.event.kernel.clone_from(&heading.kernel);
        }
        if self.event.taint.is_none() {
            self.event.taint.clone_from(&heading.taint);
        }
        let same = current.filter(|&at| {
            self.dumps
                .get(at)
                .is_some_and(|dump| goes_on(dump, heading) && self.next_dump.is_none())
        });
        let at = match same {
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
        Some(at)
    }

    /// A dump without a heading.
    pub(crate) fn anonymous(&mut self) -> Option<usize> {
        self.heading(&Heading::default(), None)
    }

    pub(crate) fn plain(&self) -> impl Iterator<Item = &Dump> {
        self.dumps.iter().filter(|dump| dump.role == Role::Plain)
    }

    pub(crate) fn dump_of(&self, role: Role) -> Option<&Dump> {
        self.dumps.iter().find(|dump| dump.role == role)
    }

    /// Takes CPU, task and stack from a dump of whoever the report is about.
    pub(crate) fn blame(&mut self, dump: &Dump, passed: Passed) {
        if let Some(cpu) = dump.cpu {
            self.event.blame_cpu(cpu);
        }
        if let Some(task) = task_of(dump) {
            self.event.blame_task(task);
        }
        self.tell(dump, passed);
    }

    /// Takes the stack of a dump, unless there is a better one already.
    pub(crate) fn tell(&mut self, dump: &Dump, passed: Passed) {
        if self.event.culprit_frame.is_some() && !self.event.frames.is_empty() {
            return;
        }
        let story = machinery::story(dump, passed);
        if self.event.frames.is_empty() || story.telling.is_some() {
            self.take_story(story);
        }
    }

    pub(crate) fn take_story(&mut self, story: Story) {
        self.event.frames = story.frames;
        self.event.culprit_frame = story.telling;
    }

    /// The reports that print the stack of the current task: it is the first dump.
    pub(crate) fn blame_current(&mut self, passed: Passed) {
        let dump = self.plain().find(|dump| !dump.frames.is_empty());
        if let Some(dump) = dump.or_else(|| self.plain().next()).cloned() {
            if self.event.cpus.is_empty() {
                self.event.cpus.extend(dump.cpu);
            }
            let known = self.event.tasks.first().and_then(|task| task.pid);
            if known.is_none() || known == dump.pid {
                if let Some(task) = task_of(&dump) {
                    if known.is_none() {
                        self.event.tasks.clear();
                    }
                    self.event.blame_task(task);
                }
            }
            self.tell(&dump, passed);
        }
    }
}

/// Whether a heading is of the dump that was begun: one line names the CPU, the next the task.
fn goes_on(dump: &Dump, heading: &Heading) -> bool {
    let agrees = |a: Option<u32>, b: Option<u32>| a.is_none() || b.is_none() || a == b;
    !dump.has_trace
        && dump.frames.is_empty()
        && dump.idle_at.is_none()
        && !(heading.announces && dump.comm.is_some())
        && agrees(dump.cpu, heading.cpu)
        && agrees(dump.pid, heading.pid)
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

/// A report that names a task in words of its own.
pub(crate) fn named(kind: EventKind, comm: &str, pid: Option<u32>) -> Event {
    let mut event = Event::new(kind);
    event.tasks.push(Task {
        pid,
        comm: Some(comm.to_string()),
        ..Task::default()
    });
    event
}

/// `1 lock held by foo/57:`, `locks held by foo/57: 1, last CPU#0:`, and the locks themselves.
pub(crate) fn locks(report: &mut Report, text: &str) -> bool {
    if text.starts_with('#') {
        let lock = text.split_once(": ").map(|(_, lock)| lock.trim());
        if let Some(lock) = lock.filter(|_| text.as_bytes().get(1).is_some_and(u8::is_ascii_digit))
        {
            if report.event.locks.len() < MAX_LOCKS {
                report.event.locks.push(lock.to_string());
            }
            return true;
        }
        return false;
    }
    let Some((before, holder)) = text.split_once(" held by ") else {
        return false;
    };
    if !before.ends_with("lock") && !before.ends_with("locks") {
        return false;
    }
    // The name may have a colon, but the number is behind the last slash.
    let pid = holder
        .rsplit_once('/')
        .map(|(comm, rest)| (comm, crate::scan::Scan::new(rest).small()));
    if let Some((comm, Some(pid))) = pid {
        if report.event.tasks.is_empty() {
            report.event.blame_task(Task {
                pid: Some(pid),
                comm: Some(comm.to_string()),
                ..Task::default()
            });
        }
    }
    true
}
