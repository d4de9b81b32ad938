// SPDX-License-Identifier: GPL-2.0

//! The results of a measurement: rows, each with a label and figures.
//!
//! ```text
//!   row kind=rcu readers=2 min=1.23 median=1.25 max=1.60 wall=1.31 dropped=4    ns a pass
//!   row … writer=full readers=2 min=… … dropped=0 changes=310000                changes a second
//!   row kind=rwlock readers=2 absent=1                                          not in this kernel
//!   row kind=call load=idle count=500 min=… median=… p90=… p99=… max=…          ns
//!   row … change=add count=500 min=… … max=… per_second=… behind=0              ns, bytes
//!   stream family=inet stream=b count=4096 addresses=89ab… answers=0123…        see `stream.rs`
//! ```

use super::samples::Samples;
use crate::rcu_table::Family;
use core::fmt;
use kernel::{new_mutex, prelude::*, sync::Mutex};

/// A key and a value of a label.
pub(super) type Key = (&'static str, &'static str);

/// Returns the value of the key `family`, in iproute2's words.
pub(super) const fn family_name(family: Family) -> &'static str {
    match family {
        Family::Inet => "inet",
        Family::Inet6 => "inet6",
    }
}

/// Identifies a row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Label {
    keys: [Option<Key>; 3],
    readers: Option<u32>,
}

impl Label {
    pub(super) fn new<const N: usize>(keys: [Key; N], readers: Option<u32>) -> Self {
        let mut label = Self {
            keys: [None; 3],
            readers,
        };
        for (place, key) in label.keys.iter_mut().zip(keys) {
            *place = Some(key);
        }
        label
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, value) in self.keys.iter().flatten() {
            write!(f, " {key}={value}")?;
        }
        match self.readers {
            Some(readers) => write!(f, " readers={readers}"),
            None => Ok(()),
        }
    }
}

/// The times that the readers of one run have taken.
pub(super) struct PassTimes {
    /// Picoseconds a pass, by the readers' own clocks; `None` if all batches were dropped.
    pub(super) own_ps: Option<u64>,
    /// Picoseconds a pass of one reader, from the first reader's start to the last reader's end.
    pub(super) wall_ps: u64,
    /// Batches in which a reader lost its CPU.
    pub(super) dropped: u64,
}

/// The figures of a row.
pub(super) enum Figures {
    /// This kernel lacks the primitive.
    Absent,
    Passes {
        /// Picoseconds a pass, a sample a run.
        own: Samples,
        wall: Samples,
        dropped: u64,
        /// A writer's changes a second, a sample a run.
        changes: Samples,
    },
    Latencies {
        /// Nanoseconds.
        samples: Samples,
        total_ns: u64,
        /// The most bytes that awaited reclaim after an update; `None` unless the row measures
        /// updates.
        behind: Option<usize>,
    },
    /// A stream of addresses: the hashes of its addresses and of the answers.
    Stream {
        count: usize,
        addresses: u64,
        answers: u64,
    },
}

/// One line of results.
pub(super) struct Row {
    label: Label,
    figures: Figures,
}

/// Displays picoseconds as nanoseconds.
struct Nanoseconds(Option<u64>);

impl fmt::Display for Nanoseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(ps) => write!(f, "{}.{:02}", ps / 1000, ps % 1000 / 10),
            None => f.write_str("-"),
        }
    }
}

/// Displays a number, if there is one.
struct Number(Option<u64>);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => write!(f, "{number}"),
            None => f.write_str("-"),
        }
    }
}

const PERCENTILES: [(&str, usize); 5] = [
    ("min", 0),
    ("median", 50),
    ("p90", 90),
    ("p99", 99),
    ("max", 100),
];

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.figures {
            Figures::Stream { .. } => "stream",
            _ => "row",
        };
        write!(f, "{word}{}", self.label)?;
        match &self.figures {
            Figures::Absent => f.write_str(" absent=1"),
            Figures::Passes {
                own,
                wall,
                dropped,
                changes,
            } => {
                write!(
                    f,
                    " min={} median={} max={} wall={} dropped={dropped}",
                    Nanoseconds(own.percentile(0)),
                    Nanoseconds(own.percentile(50)),
                    Nanoseconds(own.percentile(100)),
                    Nanoseconds(wall.percentile(50)),
                )?;
                changes
                    .percentile(50)
                    .map_or(Ok(()), |changes| write!(f, " changes={changes}"))
            }
            Figures::Latencies {
                samples,
                total_ns,
                behind,
            } => {
                write!(f, " count={}", samples.len())?;
                for (name, percent) in PERCENTILES {
                    write!(f, " {name}={}", Number(samples.percentile(percent)))?;
                }
                let Some(behind) = behind else {
                    return Ok(());
                };
                let count = samples.len() as u64;
                let rate = (count * 1_000_000_000).checked_div(*total_ns);
                write!(f, " per_second={} behind={behind}", Number(rate))
            }
            Figures::Stream {
                count,
                addresses,
                answers,
            } => write!(
                f,
                " count={count} addresses={addresses:016x} answers={answers:016x}"
            ),
        }
    }
}

/// The rows of a run, in the order in which they were first measured.
#[pin_data]
pub(super) struct Rows {
    #[pin]
    rows: Mutex<KVec<Row>>,
}

impl Rows {
    /// No rows.
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            rows <- new_mutex!(KVec::new(), "scale"),
        })
    }

    /// Changes the figures of a row, after adding it with `new` figures if it is missing.
    ///
    /// Errors: `ENOMEM`, and those of `new`. Context: may sleep.
    fn change(
        &self,
        label: Label,
        new: impl FnOnce() -> Result<Figures>,
        change: impl FnOnce(&mut Figures),
    ) -> Result {
        let mut rows = self.rows.lock();
        if let Some(row) = rows.iter_mut().find(|row| row.label == label) {
            change(&mut row.figures);
            return Ok(());
        }
        let mut figures = new()?;
        change(&mut figures);
        rows.push(Row { label, figures }, GFP_KERNEL)?;
        Ok(())
    }

    /// Sets the figures of a row.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn set(&self, label: Label, figures: Figures) -> Result {
        self.change(label, || Ok(Figures::Absent), |old| *old = figures)
    }

    /// Adds the readers' times in one of `runs` runs, and the rate of the writer beside them.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn add_passes(
        &self,
        label: Label,
        runs: u32,
        times: &PassTimes,
        changes_per_second: Option<u64>,
    ) -> Result {
        let new = || {
            Ok(Figures::Passes {
                own: Samples::with_capacity(runs as usize)?,
                wall: Samples::with_capacity(runs as usize)?,
                dropped: 0,
                changes: Samples::with_capacity(runs as usize)?,
            })
        };
        self.change(label, new, |figures| {
            if let Figures::Passes {
                own,
                wall,
                dropped,
                changes,
            } = figures
            {
                own.add(times.own_ps.as_slice());
                wall.add(&[times.wall_ps]);
                *dropped += times.dropped;
                changes.add(changes_per_second.as_slice());
            }
        })
    }

    /// Adds latencies to a row that has room for `capacity` of them. After updates, `behind` is the
    /// most bytes that awaited reclaim.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn add_latencies(
        &self,
        label: Label,
        capacity: usize,
        ns: &[u64],
        behind: Option<usize>,
    ) -> Result {
        let new = || {
            Ok(Figures::Latencies {
                samples: Samples::with_capacity(capacity)?,
                total_ns: 0,
                behind: None,
            })
        };
        self.change(label, new, |figures| {
            if let Figures::Latencies {
                samples,
                total_ns,
                behind: most_behind,
            } = figures
            {
                samples.add(ns);
                *total_ns += ns.iter().sum::<u64>();
                *most_behind = behind.max(*most_behind);
            }
        })
    }

    /// Calls `show` for each row.
    ///
    /// Context: may sleep.
    pub(super) fn for_each(&self, mut show: impl FnMut(&Row) -> fmt::Result) -> fmt::Result {
        self.rows.lock().iter().try_for_each(&mut show)
    }
}
