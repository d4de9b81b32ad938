// SPDX-License-Identifier: GPL-2.0

//! Results: rows, each of what was measured and of its figures.
//!
//! ```text
//!   row kind=rcu readers=2 min=1.23 median=1.25 max=1.60 wall=1.31 dropped=4      ns a pass
//!   row … writer=full readers=2 min=… … dropped=0 changes=310000                  of the writer, a second
//!   row kind=rwlock readers=2 absent=1                                            this kernel has none to call
//!   row mode=call family=inet op=add count=500 min=… median=… p90=… p99=… max=…   ns
//!   stream family=inet stream=b count=4096 addresses=89ab… answers=0123…          see `stream.rs`
//! ```

use super::{rendezvous::Measured, samples::Samples};
use core::fmt;
use kernel::{new_mutex, prelude::*, sync::Mutex};

/// A key and a value that tell a row from others.
pub(super) type Key = (&'static str, &'static str);

/// What a row is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) keys: [Option<Key>; 3],
    pub(super) readers: Option<u32>,
}

impl Label {
    /// One that has these keys.
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

/// What was found.
pub(super) enum Figures {
    /// This kernel has not what was to be measured.
    Absent,
    /// Picoseconds a pass, a figure a run; and the changes that a writer made meanwhile, a second.
    Passes {
        own: Samples,
        wall: Samples,
        dropped: u64,
        changes: Samples,
    },
    /// Nanoseconds of each of many.
    Latencies(Samples),
    /// The same, with how many there were in how many nanoseconds, and the most bytes that waited to be reclaimed.
    Updates {
        latencies: Samples,
        nanoseconds: u64,
        behind: usize,
    },
    /// What a stream of addresses consists of, and what the answers to it were.
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

/// Picoseconds as nanoseconds.
struct Nanoseconds(Option<u64>);

impl fmt::Display for Nanoseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(ps) => write!(f, "{}.{:02}", ps / 1000, ps % 1000 / 10),
            None => f.write_str("-"),
        }
    }
}

/// A number, if there is one.
struct Number(Option<u64>);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => write!(f, "{number}"),
            None => f.write_str("-"),
        }
    }
}

fn write_latencies(f: &mut fmt::Formatter<'_>, samples: &Samples) -> fmt::Result {
    write!(f, " count={}", samples.len())?;
    for (name, percent) in [
        ("min", 0),
        ("median", 50),
        ("p90", 90),
        ("p99", 99),
        ("max", 100),
    ] {
        write!(f, " {name}={}", Number(samples.at(percent)))?;
    }
    Ok(())
}

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
                    Nanoseconds(own.at(0)),
                    Nanoseconds(own.at(50)),
                    Nanoseconds(own.at(100)),
                    Nanoseconds(wall.at(50)),
                )?;
                changes
                    .at(50)
                    .map_or(Ok(()), |changes| write!(f, " changes={changes}"))
            }
            Figures::Latencies(samples) => write_latencies(f, samples),
            Figures::Updates {
                latencies,
                nanoseconds,
                behind,
            } => {
                write_latencies(f, latencies)?;
                let changes = latencies.len() as u64;
                let rate = (changes * 1_000_000_000).checked_div(*nanoseconds);
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

    /// Changes the figures of a row, which are `new` ones if it was not there.
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

    /// Puts in a row, in the place of the one that was there.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn put(&self, label: Label, figures: Figures) -> Result {
        self.change(label, || Ok(Figures::Absent), |old| *old = figures)
    }

    /// Adds what was measured in one of `runs` runs, beside a writer that made so many changes a second, if there
    /// was one.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn add(
        &self,
        label: Label,
        runs: u32,
        measured: &Measured,
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
                own.take(measured.own_ps.as_slice());
                wall.take(&[measured.wall_ps]);
                *dropped += measured.dropped;
                changes.take(changes_per_second.as_slice());
            }
        })
    }

    /// Adds what was measured one by one, `most` being as many as there will be.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn add_latencies(&self, label: Label, most: usize, measured: &[u64]) -> Result {
        let new = || Ok(Figures::Latencies(Samples::with_capacity(most)?));
        self.change(label, new, |figures| {
            if let Figures::Latencies(samples) = figures {
                samples.take(measured);
            }
        })
    }

    /// The same for changes, after which at most so many bytes were behind.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn add_updates(
        &self,
        label: Label,
        most: usize,
        measured: &[u64],
        most_behind: usize,
    ) -> Result {
        let new = || {
            Ok(Figures::Updates {
                latencies: Samples::with_capacity(most)?,
                nanoseconds: 0,
                behind: 0,
            })
        };
        self.change(label, new, |figures| {
            if let Figures::Updates {
                latencies,
                nanoseconds,
                behind,
            } = figures
            {
                latencies.take(measured);
                *nanoseconds += measured.iter().sum::<u64>();
                *behind = (*behind).max(most_behind);
            }
        })
    }

    /// Shows each.
    ///
    /// Context: may sleep.
    pub(super) fn each(&self, mut show: impl FnMut(&Row) -> fmt::Result) -> fmt::Result {
        self.rows.lock().iter().try_for_each(&mut show)
    }
}
