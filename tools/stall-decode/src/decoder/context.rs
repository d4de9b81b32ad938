// SPDX-License-Identifier: GPL-2.0

//! Remembers lines outside of reports that explain a later report.

use crate::event::{Event, EventKind, Time};
use crate::scan::Scan;
use crate::unwrap::Line;

/// Lines between a line on vmalloc() and the report of its allocation.
const VMALLOC_LINES: u64 = 3;
/// Lines between the end of a task and the reports of its exit.
const EXIT_LINES: u64 = 200;
/// Seconds after which an error of a device no longer explains a hung task.
const TROUBLE_SECONDS: f64 = 900.0;
/// Lines after which such an error no longer explains a hung task, in a log without times.
const TROUBLE_LINES: u64 = 200;
/// Bytes of a remembered line.
const MAX_TEXT: usize = 120;

/// A remembered line.
#[derive(Debug)]
struct Note {
    text: String,
    number: u64,
    time: Option<Time>,
}

impl Note {
    fn of(line: &Line<'_>, time: Option<Time>) -> Self {
        let end = line.text.len().min(MAX_TEXT);
        Self {
            text: line.text.get(..end).unwrap_or_default().to_string(),
            number: line.number,
            time,
        }
    }
}

/// The newest line of each sort.
#[derive(Debug, Default)]
pub(super) struct Context {
    vmalloc: Option<Note>,
    exit: Option<Note>,
    trouble: Option<Note>,
    /// The first crash of this boot.
    crash: Option<Note>,
}

impl Context {
    /// Remembers `vmalloc: allocation failure: 0 bytes`, which precedes the report.
    pub(super) fn vmalloc(&mut self, line: &Line<'_>) {
        self.vmalloc = Some(Note::of(line, None));
    }

    /// Remembers `note: modprobe[573] exited with preempt_count 1`.
    pub(super) fn exit(&mut self, line: &Line<'_>) {
        self.exit = Some(Note::of(line, None));
    }

    /// Remembers that a device or a server does not respond, such as `nfs: server host not
    /// responding, still trying`.
    pub(super) fn trouble(&mut self, line: &Line<'_>, time: Option<Time>) {
        self.trouble = Some(Note::of(line, time));
    }

    /// Remembers the first crash of the kernel, such as `Oops: 0002 [#1] SMP`.
    pub(super) fn crash(&mut self, line: &Line<'_>) {
        self.crash.get_or_insert_with(|| Note::of(line, None));
    }

    /// Adds the remembered lines that explain a new event.
    pub(super) fn apply(&self, event: &mut Event) {
        let crash = self.crash.as_ref();
        event.evidence.crash = crash.map(|note| (note.text.clone(), note.number));
        let since = |note: &Note| event.line.saturating_sub(note.number);
        match event.kind {
            EventKind::PageAllocationFailure => {
                let found = self.vmalloc.as_ref();
                if let Some(note) = found.filter(|note| since(note) <= VMALLOC_LINES) {
                    let meaning = "the allocation is part of a virtually contiguous area";
                    event.add_field("vmalloc", note.text.clone(), meaning);
                }
            }
            EventKind::SleepingInAtomic => {
                let found = self.exit.as_ref();
                let is_own = |note: &&Note| since(note) <= EXIT_LINES && names(note, event);
                if let Some(note) = found.filter(is_own) {
                    let meaning = "the task died in atomic context: see the crash before this line";
                    event.add_field("died", note.text.clone(), meaning);
                }
            }
            EventKind::HungTask => {
                let is_recent = |note: &&Note| match (&note.time, &event.time) {
                    (Some(note), Some(event)) if note.text.is_some() == event.text.is_some() => {
                        (0.0..TROUBLE_SECONDS).contains(&(event.clock - note.clock))
                    }
                    _ => since(note) <= TROUBLE_LINES,
                };
                let found = self.trouble.as_ref().filter(is_recent);
                event.evidence.trouble = found.map(|note| (note.text.clone(), note.number));
            }
            _ => (),
        }
    }
}

/// Returns whether a note on an exit names the task of an event.
fn names(note: &Note, event: &Event) -> bool {
    let pid = Scan::after(&note.text, "[").and_then(|mut pid| pid.small());
    pid.is_some() && event.tasks.first().is_some_and(|task| task.pid == pid)
}

#[cfg(test)]
mod tests {
    use crate::tests::{decode, only};

    #[test]
    fn a_task_that_died_in_atomic_context_has_no_bug_of_its_own() {
        let sleep = "BUG: scheduling while atomic: modprobe/573/0x40000002\n\
                     Call trace:\n\
                     _cond_resched+0x48/0x50\n\
                     unmap_vmas+0x500/0x5bc\n";
        let event = only(&format!(
            "note: modprobe[573] exited with preempt_count 1\n{sleep}"
        ));
        assert!(event.causes[0].contains("died"), "{:?}", event.causes);
        let event = only(&format!(
            "note: modprobe[574] exited with preempt_count 1\n{sleep}"
        ));
        assert!(!event.causes[0].contains("died"), "{:?}", event.causes);
    }

    #[test]
    fn vmalloc_fails_for_reasons_of_its_own() {
        let report = "modprobe: page allocation failure: order:0, mode:0xd0\n\
                      Normal free:201260kB min:1908kB low:2384kB high:2860kB\n";
        let event = only(&format!("vmalloc: allocation failure: 0 bytes\n{report}"));
        assert!(event.causes[0].contains("vmalloc() failed"));
        assert!(only(report).summary.contains("memory was not short"));
    }

    #[test]
    fn a_hung_task_names_the_server_that_does_not_respond() {
        let hung = |seconds: u32| {
            decode(&format!(
                "[  100.000000] nfs: server host not responding, still trying\n\
                 [ {seconds}.000000] INFO: task cp:57 blocked for more than 120 seconds.\n"
            ))
        };
        assert!(hung(150)[0].causes.concat().contains("nfs: server host"));
        assert!(!hung(9150)[0].causes.concat().contains("nfs: server host"));
    }
}
