// SPDX-License-Identifier: GPL-2.0

//! The recent changes of a table, in order, for followers: readers that get each change.
//!
//! ```text
//!   updater ──► ring of the table: change, change, change ...
//!                                    ▲               ▲
//!   follower: the position of its next change        next position
//! ```
//!
//! Followers share one ring, so an updater appends each change once for all of them. It never
//! allocates for them, waits for them, or fails because of them: a full ring drops its oldest
//! change. If the ring has dropped a follower's next change, the follower gets the number of lost
//! changes. The first follower allocates the ring, and the last one frees it.

use super::{fib::gfp, hop_kept::Kept, Family, HopId, NextHop, Route, Table};
use crate::kernel_ext::{poll_queue::PollQueue, wakeup::Wakeup};
use core::sync::atomic::{AtomicUsize, Ordering};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{Arc, SpinLock},
};

/// The maximum number of changes in the ring.
const RING: usize = 8192;
/// The maximum number of followers of a table. A worker wakes them after a change.
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
    /// A next-hop object was added or replaced. It has this next hop; none if it is a group.
    Object(HopId, Option<NextHop>),
    /// A next-hop object was removed.
    ObjectRemoved(HopId),
}

/// The next item of a [`Follower`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A change. The changes of a transaction have one generation, and no other change is between
    /// them.
    Change {
        /// The change.
        change: Change,
        /// The generation of the table after the change.
        generation: u64,
        /// Whether this is the last change of its generation.
        is_last: bool,
    },
    /// The number of changes that the ring has dropped since the last event.
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

/// The ring of changes, and the generation for tasks that wait for a new one.
pub struct Log {
    /// The last changes: the change at position `p` has the index `p % RING`. Empty without
    /// followers.
    ring: KVVec<Entry>,
    /// The position of the first change since the ring was allocated.
    start: u64,
    /// The position of the next change.
    next: u64,
    /// The generation of the last change that was reported.
    generation: u64,
    /// The number of followers, at most [`MAX_FOLLOWERS`].
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

    /// Returns the event at a position and the position of the next event; none if no change has
    /// this position yet.
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
    /// The number of followers and of tasks that wait for a generation.
    watchers: AtomicUsize,
    #[pin]
    log: SpinLock<Log>,
    /// Requested after each change while there are watchers. A worker wakes them, so that their
    /// number does not delay an updater.
    #[pin]
    changed: Wakeup,
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
            changed <- Wakeup::new(),
        })
    }

    /// Returns the lock of the log. Its holder must not sleep.
    pub fn log(&self) -> &SpinLock<Log> {
        &self.log
    }

    /// Returns the wakeup of the tasks that wait for a change, and of the followers' pollers.
    pub fn changed(&self) -> &Wakeup {
        &self.changed
    }

    /// Returns whether an updater must report its changes. The caller holds the updaters' mutex.
    pub(super) fn is_watched(&self) -> bool {
        // ORDERING: A watcher counts itself and then acquires the updaters' mutex. An updater that
        // does not see the count acquired the mutex earlier, and its change precedes the watch.
        self.watchers.load(Ordering::Relaxed) > 0
    }

    /// Appends the changes of a generation, and requests the wakeup of the watchers. The caller
    /// holds the updaters' mutex.
    ///
    /// Context: that of the iterator, which runs without the lock of the log.
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
        self.changed.request();
    }

    /// Counts a follower. Allocates the ring for the first one.
    ///
    /// Errors: `EBUSY` if there are `limit` followers or [`MAX_FOLLOWERS`]; `ENOMEM`. Context: may
    /// sleep.
    fn add_follower(&self, limit: usize) -> Result {
        let mut ring = KVVec::new();
        loop {
            let mut log = self.log.lock();
            if log.followers >= limit.min(MAX_FOLLOWERS) {
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

    /// Removes a follower from the count. Frees the ring after the last one.
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

/// A watch of a table: while it exists, updaters report their changes.
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
        // ORDERING: See `is_watched()`. An updater that still sees this watch only reports a change
        // to nobody.
        self.table.monitor.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A reader of all changes that were made since its creation.
pub struct Follower {
    watch: Watch,
    pollers: Arc<PollQueue>,
    position: u64,
}

impl Follower {
    /// Starts to follow the changes of a table. Each change wakes `pollers`.
    ///
    /// Errors: `ENOMEM`; `EBUSY` if the table has `limit` followers or [`MAX_FOLLOWERS`]; `EINTR` if
    /// a fatal signal ends the wait for the updaters' mutex. Context: may sleep.
    pub fn new(table: Arc<Table>, limit: usize, pollers: Arc<PollQueue>) -> Result<Self> {
        let mut room = Kept::room()?;
        table.monitor.add_follower(limit)?;
        let added = table.monitor.changed.add(pollers.clone());
        let watch = match added.and_then(|()| Watch::new(table.clone())) {
            Ok(watch) => watch,
            Err(error) => {
                table.monitor.changed.remove(&pollers);
                table.monitor.remove_follower();
                return Err(error);
            }
        };
        let this = Self {
            position: table.monitor.log.lock().next,
            watch,
            pollers,
        };
        // A change before this one may be read without its legs.
        table.lock()?.answers.objects.start_keeping(&mut room);
        Ok(this)
    }

    /// Returns the position of the next event. The event exists if [`Log::next`] is greater.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Returns the next event and the position after it; none if there is no new change.
    ///
    /// Context: any but an interrupt handler.
    pub fn peek(&self) -> Option<(Event, u64)> {
        self.watch.table.monitor.log.lock().event_at(self.position)
    }

    /// Continues at a position that [`Self::peek`] has returned.
    pub fn advance(&mut self, position: u64) {
        self.position = position;
    }

    /// Skips all changes made until now.
    ///
    /// Context: any but an interrupt handler.
    pub fn skip(&mut self) {
        let next = self.watch.table.monitor.log.lock().next;
        self.position = next;
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let monitor = &self.watch.table.monitor;
        monitor.changed.remove(&self.pollers);
        monitor.remove_follower();
    }
}
