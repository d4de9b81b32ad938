// SPDX-License-Identifier: GPL-2.0

//! The recent changes of a table, in order, for readers that follow them.
//!
//! ```text
//!   updater ──► ring of the table: change, change, change ...
//!                                    ▲               ▲
//!   follower: the position of its next change        next position
//! ```
//!
//! Followers share one ring, so the number of followers does not delay an updater. An updater never
//! allocates for them, waits for them, or fails because of them: a full ring drops its oldest
//! change. A follower whose position was dropped gets the number of lost changes instead. The first
//! follower allocates the ring, and the last one frees it.

use super::{fib::gfp, Family, Route, Table};
use core::sync::atomic::{AtomicUsize, Ordering};
use kernel::{
    new_poll_condvar, new_spinlock,
    prelude::*,
    sync::{poll::PollCondVar, Arc, SpinLock},
};

/// The number of changes in the ring.
const RING: usize = 8192;
/// The maximum number of followers of a table. Each change wakes all of them.
pub const MAX_FOLLOWERS: usize = 256;

/// A change that readers see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A route was added, or has replaced the route with the same prefix and metric.
    Inserted(Route),
    /// A route was removed.
    Removed(Route),
    /// All routes of a family were removed.
    Flushed(Family),
    /// Other routes have replaced the whole table.
    Reloaded,
}

/// The next item of a [`Follower`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A change. The changes of a transaction have one generation, and follow each other.
    Change {
        /// The change.
        change: Change,
        /// The generation of the table after the change.
        generation: u64,
        /// Whether the changes of this generation end here.
        is_last: bool,
    },
    /// The ring has dropped this number of changes since the last event.
    Lost(u64),
}

/// An element of the ring.
#[derive(Clone, Copy)]
struct Entry {
    change: Change,
    generation: u64,
    is_last: bool,
}

impl Entry {
    const UNUSED: Self = Self {
        change: Change::Reloaded,
        generation: 0,
        is_last: true,
    };
}

/// The ring, and the generation for tasks that wait for one.
pub struct Log {
    /// The last changes: position `p` is at index `p % RING`. Empty without followers.
    ring: KVVec<Entry>,
    /// The oldest position since the ring was allocated.
    start: u64,
    /// The position of the next change.
    next: u64,
    /// The generation of the last change that was reported.
    generation: u64,
    followers: usize,
}

/// Returns the index of a position in the ring.
fn index(position: u64) -> usize {
    (position % RING as u64) as usize
}

impl Log {
    /// Returns the position of the next change.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Returns the generation of the last change that was reported.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    fn push(&mut self, entry: Entry) {
        if self.ring.is_empty() {
            return;
        }
        let at = index(self.next);
        self.ring[at] = entry;
        self.next += 1;
    }

    /// Returns the event at a position, and the position after it.
    fn event_at(&self, position: u64) -> Option<(Event, u64)> {
        let oldest = self.start.max(self.next.saturating_sub(RING as u64));
        if position < oldest {
            return Some((Event::Lost(oldest - position), oldest));
        }
        if position >= self.next {
            return None;
        }
        let entry = self.ring.get(index(position))?;
        let event = Event::Change {
            change: entry.change,
            generation: entry.generation,
            is_last: entry.is_last,
        };
        Some((event, position + 1))
    }
}

/// The part of a table that reports changes.
#[pin_data]
pub struct Monitor {
    /// The followers, and the tasks that wait for a generation.
    watchers: AtomicUsize,
    #[pin]
    log: SpinLock<Log>,
    /// Notified after each change while there are watchers.
    #[pin]
    changed: PollCondVar,
}

impl Monitor {
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            watchers: AtomicUsize::new(0),
            log <- new_spinlock!(Log {
                ring: KVVec::new(),
                start: 0,
                next: 0,
                generation: 0,
                followers: 0,
            }),
            changed <- new_poll_condvar!("rust_rcu_demo::changed"),
        })
    }

    /// Returns the lock of the log. Its holder must not sleep.
    pub fn log(&self) -> &SpinLock<Log> {
        &self.log
    }

    /// Returns the queue of the tasks that wait for a change.
    pub fn changed(&self) -> &PollCondVar {
        &self.changed
    }

    /// Returns whether an updater must report its changes. The caller holds the updaters' mutex.
    pub(super) fn is_watched(&self) -> bool {
        // ORDERING: A watcher acquires the updaters' mutex after it was counted. An updater that
        // does not see the count has acquired the mutex earlier.
        self.watchers.load(Ordering::Relaxed) > 0
    }

    /// Appends the changes of a generation, and wakes the watchers. The caller holds the updaters'
    /// mutex.
    ///
    /// Context: that of the iterator.
    pub(super) fn report(&self, generation: u64, changes: impl Iterator<Item = Change>) {
        let mut changes = changes.peekable();
        while let Some(change) = changes.next() {
            let is_last = changes.peek().is_none();
            self.log.lock().push(Entry {
                change,
                generation,
                is_last,
            });
        }
        self.log.lock().generation = generation;
        self.changed.notify_all();
    }

    /// Allocates the ring for the first follower, and counts the follower.
    fn add_follower(&self) -> Result {
        let mut ring = KVVec::new();
        loop {
            let mut log = self.log.lock();
            if log.followers == MAX_FOLLOWERS {
                return Err(EBUSY);
            }
            if log.followers == 0 {
                if ring.is_empty() {
                    drop(log);
                    ring = KVVec::from_elem(Entry::UNUSED, RING, gfp())?;
                    continue;
                }
                core::mem::swap(&mut log.ring, &mut ring);
                log.start = log.next;
            }
            log.followers += 1;
            return Ok(());
        }
    }

    fn remove_follower(&self) {
        let mut log = self.log.lock();
        log.followers -= 1;
        let unused = match log.followers {
            0 => core::mem::replace(&mut log.ring, KVVec::new()),
            _ => KVVec::new(),
        };
        drop(log);
        drop(unused);
    }
}

/// A task that needs reports of changes. Updaters report until it is dropped.
pub struct Watch {
    table: Arc<Table>,
    /// The generation of the table when the watch began.
    generation: u64,
}

impl Watch {
    /// Makes updaters report every change from now on.
    ///
    /// Errors: `EINTR` if a fatal signal ends the wait for the updaters' mutex. Context: may sleep.
    pub fn new(table: Arc<Table>) -> Result<Self> {
        // ORDERING: See `is_watched()`.
        table.monitor.watchers.fetch_add(1, Ordering::Relaxed);
        let mut this = Self {
            table,
            generation: 0,
        };
        let state = this.table.lock()?;
        let generation = this.table.generation();
        this.table.monitor.log.lock().generation = generation;
        drop(state);
        this.generation = generation;
        Ok(this)
    }

    /// Returns the generation of the table when the watch began.
    pub fn generation(&self) -> u64 {
        self.generation
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // ORDERING: See `is_watched()`. An updater that sees the old count reports in vain.
        self.table.monitor.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A reader of all changes since it was created.
pub struct Follower {
    watch: Watch,
    position: u64,
}

impl Follower {
    /// Starts to follow the changes of a table.
    ///
    /// Errors: `ENOMEM`; `EBUSY` if the table has [`MAX_FOLLOWERS`]; `EINTR` if a fatal signal ends
    /// the wait for the updaters' mutex. Context: may sleep.
    pub fn new(table: Arc<Table>) -> Result<Self> {
        table.monitor.add_follower()?;
        let watch = match Watch::new(table.clone()) {
            Ok(watch) => watch,
            Err(error) => {
                table.monitor.remove_follower();
                return Err(error);
            }
        };
        let position = table.monitor.log.lock().next;
        Ok(Self { watch, position })
    }

    /// Returns the position of the next event: it is there if [`Log::next`] is greater.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Returns the next event, and the position after it; none if no change has followed.
    ///
    /// Context: any but an interrupt handler.
    pub fn peek(&self) -> Option<(Event, u64)> {
        self.watch.table.monitor.log.lock().event_at(self.position)
    }

    /// Continues at a position that [`Self::peek`] has returned.
    pub fn advance(&mut self, position: u64) {
        self.position = position;
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.watch.table.monitor.remove_follower();
    }
}
