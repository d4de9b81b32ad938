// SPDX-License-Identifier: GPL-2.0

//! Searches each line for all strings that the decoder knows, in one pass.

use std::sync::LazyLock;

use super::strings::Strings;
use crate::report::FAMILIES;

/// A line that belongs to no report.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mark {
    /// The first line of a boot.
    KernelVersion,
    /// The calibration of the delay loop, which reveals the tick rate.
    Calibration,
    /// The clock source of jiffies, which reveals the tick rate.
    JiffiesClock,
    /// A network device that cannot be removed.
    NetDevice,
    /// The start of a first line that may be wrapped.
    Start,
    /// A panic, which may be a consequence of a report.
    Panic,
    /// A failed vmalloc(), whose report follows.
    Vmalloc,
    /// A task that died in atomic context.
    Exit,
    /// A device or a server that does not respond.
    Trouble,
    /// The name of the machine, or of its hypervisor.
    Machine,
    /// The end of a stall provoked by this project's stall lab or by rcutorture.
    StallEnd,
    /// A warning, whose message may be a report.
    Warning,
    /// A crash of the kernel.
    Crash,
    /// The begin or end of a report of no family.
    OtherReport,
}

const MARKS: [(&str, Mark); 42] = [
    ("Linux version ", Mark::KernelVersion),
    ("BogoMIPS (lpj=", Mark::Calibration),
    ("clocksource: jiffies:", Mark::JiffiesClock),
    ("unregister_netdevice: waiting for ", Mark::NetDevice),
    ("Kernel panic - not syncing", Mark::Panic),
    ("vmalloc: allocation failure", Mark::Vmalloc),
    ("exited with preempt_count", Mark::Exit),
    ("exited with irqs disabled", Mark::Exit),
    ("not responding, still trying", Mark::Trouble),
    ("not responding, timed out", Mark::Trouble),
    ("I/O error", Mark::Trouble),
    ("rejecting I/O to", Mark::Trouble),
    ("Disk failure on", Mark::Trouble),
    ("ailing drive", Mark::Trouble),
    ("not responding, assume dead", Mark::Trouble),
    ("controller is down; will reset", Mark::Trouble),
    ("*ERROR* ring ", Mark::Trouble),
    ("GPU HANG", Mark::Trouble),
    ("GPU reset", Mark::Trouble),
    ("irmware crash", Mark::Trouble),
    (": transmit queue ", Mark::Trouble),
    ("timeout, aborting", Mark::Trouble),
    ("timeout, reset controller", Mark::Trouble),
    ("waiting for hardware interrupt", Mark::Trouble),
    (" exception Emask ", Mark::Trouble),
    ("Hardware name: ", Mark::Machine),
    ("Hypervisor detected: ", Mark::Machine),
    ("paravirtualized kernel on ", Mark::Machine),
    ("stall: end ", Mark::StallEnd),
    ("rcu_torture_stall end", Mark::StallEnd),
    ("WARNING: ", Mark::Warning),
    ("BUG: ", Mark::OtherReport),
    ("Oops", Mark::Crash),
    ("kernel BUG at ", Mark::Crash),
    ("nable to handle kernel ", Mark::Crash),
    ("[ cut here ]", Mark::OtherReport),
    ("---[ end ", Mark::OtherReport),
    ("Internal error: ", Mark::Crash),
    ("Showing all locks held in the system", Mark::OtherReport),
    ("INFO: rcu", Mark::Start),
    ("INFO: task ", Mark::Start),
    ("scheduling while atomic:", Mark::Start),
];

/// The strings found in a line.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    /// A bit for each family whose first line this may be.
    headers: u32,
    /// A bit for each family whose detail this may be.
    pub(super) details: u32,
    /// A bit for each of [`MARKS`].
    marks: u64,
}

impl Found {
    pub(super) fn header_families(self) -> impl Iterator<Item = usize> {
        (0..FAMILIES.len()).filter(move |family| self.headers & (1 << family) != 0)
    }

    /// Returns whether nothing was found.
    pub(super) fn is_empty(self) -> bool {
        self.headers | self.details == 0 && self.marks == 0
    }

    pub(super) fn mark(self) -> Option<Mark> {
        let index = self.marks.trailing_zeros() as usize;
        MARKS.get(index).map(|(_, mark)| *mark)
    }
}

/// The meaning of a search string: a bit in [`Found`].
#[derive(Clone, Copy, Debug)]
enum Meaning {
    Header(usize),
    Detail(usize),
    Mark(usize),
}

struct Searcher {
    /// First lines and marks: enough while no report is open.
    starts: Strings,
    all: Strings,
    /// The meaning of each string of `all`.
    meanings: Vec<Meaning>,
}

static SEARCHER: LazyLock<Searcher> = LazyLock::new(Searcher::new);

impl Searcher {
    fn new() -> Self {
        let mut needles = Vec::new();
        for (index, family) in FAMILIES.iter().enumerate() {
            let headers = family.headers.iter();
            needles.extend(headers.map(|needle| (*needle, Meaning::Header(index))));
            let details = family.details.iter();
            needles.extend(details.map(|needle| (*needle, Meaning::Detail(index))));
        }
        let marks = MARKS.iter().enumerate();
        needles.extend(marks.map(|(index, (needle, _))| (*needle, Meaning::Mark(index))));
        let starts = needles
            .iter()
            .filter(|(_, meaning)| !matches!(meaning, Meaning::Detail(_)));
        Self {
            starts: Strings::new(starts.map(|(needle, _)| *needle)),
            all: Strings::new(needles.iter().map(|(needle, _)| *needle)),
            meanings: needles.into_iter().map(|(_, meaning)| meaning).collect(),
        }
    }
}

/// Searches a line. If `starts_only`, finds nothing in lines that can only be details.
pub(super) fn find(text: &str, starts_only: bool) -> Found {
    let mut found = Found::default();
    let searcher = &*SEARCHER;
    if starts_only && !searcher.starts.find(text, |_| true) {
        return found;
    }
    searcher.all.find(text, |number| {
        match searcher.meanings.get(number) {
            Some(Meaning::Header(family)) => found.headers |= 1 << family,
            Some(Meaning::Detail(family)) => found.details |= 1 << family,
            Some(Meaning::Mark(mark)) => found.marks |= 1 << mark,
            None => (),
        }
        false
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_string_is_too_short_to_be_searched() {
        for family in FAMILIES {
            let strings = family.headers.iter().chain(family.details);
            for string in strings {
                assert!(string.len() >= 2, "{string:?}");
            }
        }
    }
}
