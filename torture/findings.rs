// SPDX-License-Identifier: GPL-2.0

//! The errors that a run has found.

use super::bug::Bug;
use crate::kernel_ext::params::Choice;
use core::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};
use kernel::prelude::*;

/// Declares the findings with their texts.
macro_rules! findings {
    ($($(#[$doc:meta])* $name:ident: $text:literal,)*) => {
        /// A kind of error.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Finding {
            $($(#[$doc])* $name,)*
        }

        impl Finding {
            const ALL: &'static [(Self, &'static str)] = &[$((Self::$name, $text),)*];
        }
    };
}

findings! {
    /// The figure is the age.
    TooOld: "reader found an element that was retired grace periods ago; the most",
    Freed: "reader found an element that was freed",
    Uninitialised: "reader found an element before it was initialised",
    Reused: "reader found its element reused",
    Garbled: "reader found an element with contents of its past",
    CookieTooEarly: "cookie was complete inside a reader's critical section",
    CookieTooLate: "cookie was incomplete after its grace period",
    CanaryFreed: "reader found an object that kvfree_rcu() had freed",
    /// The figure is a number of callbacks.
    BarrierTooEarly: "rcu_barrier() returned before callbacks had run; the most",
    /// The figure is a number of callbacks.
    Lost: "callbacks of elements never ran; the most",
    NoProgress: "callbacks made no progress; seconds",
    Stuck: "writer was stuck; seconds",
    ReturnedTwice: "element was returned to the pool twice",
    TableAnswer: "table: reader got an answer that was not valid",
    /// The figure is the depth.
    TableReclaimed: "table: reader reached a reclaimed node; the deepest at",
    TableChanged: "table: route changed under a reader",
    TableTorn: "table: snapshot showed half a transaction",
    TableDump: "table: dump was wrong",
    TableChange: "table: a valid change failed, or an invalid one succeeded",
    /// The figure is a number of bytes or objects.
    TableLost: "table: retired memory was never reclaimed; the most",
    /// The figure is the errno.
    NotStarted: "threads could not be started; errno",
}

/// How often each error was found, and its largest figure.
pub(super) struct Findings {
    /// Logged with each finding, to distinguish provoked errors from others.
    bug: Bug,
    found: [(AtomicU64, AtomicU64); Finding::ALL.len()],
}

// ORDERING: Relaxed: counters do not order other memory.
impl Findings {
    pub(super) const fn new(bug: Bug) -> Self {
        Self {
            bug,
            found: [const { (AtomicU64::new(0), AtomicU64::new(0)) }; Finding::ALL.len()],
        }
    }

    /// Counts a finding. Logs the first one of its kind.
    ///
    /// Context: any.
    pub(super) fn note(&self, finding: Finding, figure: u64) {
        let Some((times, most)) = self.found.get(finding as usize) else {
            return;
        };
        most.fetch_max(figure, Ordering::Relaxed);
        if times.fetch_add(1, Ordering::Relaxed) == 0 {
            self.log(format_args!("{}", Described(finding, figure)));
        }
    }

    /// Logs an error.
    ///
    /// Context: any.
    pub(super) fn log(&self, what: fmt::Arguments<'_>) {
        match self.bug {
            Bug::None => pr_err!("rcu-torture: !!! {what}\n"),
            bug => pr_err!("rcu-torture: !!! {what} (bug={})\n", bug.name()),
        }
    }

    /// Returns how often the error was found.
    pub(super) fn times(&self, finding: Finding) -> u64 {
        self.found
            .get(finding as usize)
            .map_or(0, |(times, _)| times.load(Ordering::Relaxed))
    }

    pub(super) fn total(&self) -> u64 {
        self.iter().map(|(_, times, _)| times).sum()
    }

    /// Returns each error that was found, how often, and its largest figure.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Finding, u64, u64)> + '_ {
        Finding::ALL
            .iter()
            .zip(&self.found)
            .map(|((finding, _), (times, most))| {
                (
                    *finding,
                    times.load(Ordering::Relaxed),
                    most.load(Ordering::Relaxed),
                )
            })
            .filter(|(_, times, _)| *times > 0)
    }
}

/// Displays a finding, with its figure unless that is 0.
pub(super) struct Described(pub(super) Finding, pub(super) u64);

impl fmt::Display for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(finding, figure) = *self;
        let text = Finding::ALL
            .get(finding as usize)
            .map_or("", |(_, text)| *text);
        f.write_str(text)?;
        if figure > 0 {
            write!(f, " {figure}")?;
        }
        Ok(())
    }
}
