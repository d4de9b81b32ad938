// SPDX-License-Identifier: GPL-2.0

//! What a run has found to be wrong.

use super::bug::Bug;
use crate::kernel_ext::params::Choice;
use core::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};
use kernel::prelude::*;

/// Declares what can be wrong, with the words for it.
macro_rules! findings {
    ($($(#[$doc:meta])* $name:ident: $text:literal,)*) => {
        /// Something that is wrong.
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
    CookieTooEarly: "cookie told of a grace period that a reader was in",
    CookieTooLate: "cookie did not tell of a grace period that was waited for",
    CanaryDead: "reader found an object that kvfree_rcu() had freed",
    /// The figure is how many.
    BarrierTooEarly: "rcu_barrier() returned before callbacks had run; the most",
    /// The figure is how many.
    Lost: "elements never came back from their callbacks; the most",
    NoProgress: "callbacks made no progress; seconds",
    Stuck: "writer was stuck; seconds",
    NotHome: "element came back to a place that was taken",
    TableAnswer: "table: reader was told what was not valid",
    /// The figure is the depth.
    TableReclaimed: "table: reader reached a reclaimed node; the deepest at",
    TableChanged: "table: what a reader had found changed under it",
    TableTorn: "table: snapshot showed half a transaction",
    TableDump: "table: dump was wrong",
    TableChange: "table: change failed that must not, or was made that cannot be",
    /// The figure is how much.
    TableLost: "table: what was retired never came back; the most",
    /// The figure is the errno.
    NotStarted: "threads could not be started; errno",
}

/// How often each was found, and the largest figure with it.
pub(super) struct Findings {
    /// Said with each finding, so that the log tells provoked ones from others.
    bug: Bug,
    found: [(AtomicU64, AtomicU64); Finding::ALL.len()],
}

// ORDERING: Counts say nothing of other memory.
impl Findings {
    pub(super) const fn new(bug: Bug) -> Self {
        Self {
            bug,
            found: [const { (AtomicU64::new(0), AtomicU64::new(0)) }; Finding::ALL.len()],
        }
    }

    /// Notes a finding, and tells the log when it is the first of its kind.
    ///
    /// Context: any.
    pub(super) fn note(&self, finding: Finding, figure: u64) {
        let Some((times, most)) = self.found.get(finding as usize) else {
            return;
        };
        most.fetch_max(figure, Ordering::Relaxed);
        if times.fetch_add(1, Ordering::Relaxed) == 0 {
            self.tell(format_args!("{}", Described(finding, figure)));
        }
    }

    /// Tells the log of something that is wrong.
    ///
    /// Context: any.
    pub(super) fn tell(&self, what: fmt::Arguments<'_>) {
        match self.bug {
            Bug::None => pr_err!("rcu-torture: !!! {what}\n"),
            bug => pr_err!("rcu-torture: !!! {what} (bug={})\n", bug.name()),
        }
    }

    /// How often something was found.
    pub(super) fn times(&self, finding: Finding) -> u64 {
        self.found
            .get(finding as usize)
            .map_or(0, |(times, _)| times.load(Ordering::Relaxed))
    }

    pub(super) fn total(&self) -> u64 {
        self.each().map(|(_, times, _)| times).sum()
    }

    /// What was found: each finding, how often, and its largest figure.
    pub(super) fn each(&self) -> impl Iterator<Item = (Finding, u64, u64)> + '_ {
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

/// A finding in words, with its figure where it has one.
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
