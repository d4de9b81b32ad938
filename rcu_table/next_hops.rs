// SPDX-License-Identifier: GPL-2.0

//! The next hops in use. Routes share them by number.
//!
//! Readers turn a number into the next hop without a lock: the records are in chunks that stay
//! published while any next hop is in use. The updater counts the users of each next hop and finds
//! it by its contents in a hash table of numbers.
//!
//! ```text
//!   number ──► chunk ──► record: contents (atomic words) · users · next number in its list
//!                          ▲
//!   hash of contents ──► bucket: first number
//! ```
//!
//! Readers may still use a number that has no users, so it is reused only after a grace period.

use super::{
    next_hop::{NextHop, Words},
    settings::Settings,
};
use crate::rcu::{read_lock, Flexible, GracePeriod, Guard, Rcu, UniqueRcuBox};
use core::{
    mem::size_of,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};
use kernel::prelude::*;

/// One next hop.
struct Record {
    contents: [AtomicU64; 4],
    /// The number of routes that use it. Only the updater reads this.
    users: AtomicU32,
    /// The next number in the bucket or in a [`NumberList`]. Only the updater reads this.
    next: AtomicU32,
}

/// The next hop that a lookup found. It is read from memory only on request.
#[derive(Clone, Copy)]
pub struct NextHopRef<'g>(&'g Record);

impl NextHopRef<'_> {
    /// Reads the next hop.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn get(self) -> NextHop {
        NextHop::from_words(&self.0.words())
    }

    /// Reads the low bits of the gateway's address, or 0. This costs one access to the next hop.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn digest(self) -> u64 {
        self.0.contents[1].load(Ordering::Relaxed)
    }
}

/// The number of records in a chunk of 16 KiB.
const CHUNK_LEN: usize = 409;
/// The low bits of a number select the record in its chunk, so that readers do not divide.
const RECORD_BITS: u32 = CHUNK_LEN.next_power_of_two().trailing_zeros();
/// The maximum number of chunks of a table.
const MAX_CHUNKS: usize = 4096;
/// The minimum number of buckets of the hash table.
const MIN_BUCKETS: usize = 64;

type Chunk = Flexible<(), Record>;

// ORDERING: Publishing a node with the record's number orders the earlier writes of the contents. A
// grace period separates the last reader of that number from the next writes. Only the updater,
// under the table's mutex, uses the other fields.
impl Record {
    fn empty() -> Self {
        Self {
            contents: [const { AtomicU64::new(0) }; 4],
            users: AtomicU32::new(0),
            next: AtomicU32::new(0),
        }
    }

    fn words(&self) -> Words {
        let word = |number: usize| self.contents[number].load(Ordering::Relaxed);
        [word(0), word(1), word(2), word(3)]
    }

    fn set_words(&self, words: &Words) {
        for (to, from) in self.contents.iter().zip(words) {
            to.store(*from, Ordering::Relaxed);
        }
    }

    fn next(&self) -> u32 {
        self.next.load(Ordering::Relaxed)
    }

    fn set_next(&self, number: u32) {
        self.next.store(number, Ordering::Relaxed);
    }
}

/// The next hops by number, for readers.
pub(super) struct NextHops {
    chunks: KVVec<Rcu<Chunk>>,
}

impl NextHops {
    /// Allocates null pointers for the maximum number of chunks.
    ///
    /// Errors: `ENOMEM`.
    pub(super) fn new() -> Result<Self> {
        let mut chunks = KVVec::with_capacity(MAX_CHUNKS, GFP_KERNEL)?;
        while chunks.len() < MAX_CHUNKS {
            chunks
                .push_within_capacity(Rcu::null())
                .map_err(|_| ENOMEM)?;
        }
        Ok(Self { chunks })
    }

    #[inline(always)]
    fn record<'g>(&'g self, number: u32, guard: &'g Guard) -> Option<&'g Record> {
        let index = number.checked_sub(1)? as usize;
        let chunk = self.chunks.get(index >> RECORD_BITS)?;
        let record = index % (1 << RECORD_BITS);
        chunk.dereference(guard)?.elements.get(record)
    }

    /// Calls `f` with a record, for the updater.
    fn with<R>(&self, number: u32, f: impl FnOnce(&Record) -> R) -> Option<R> {
        self.record(number, &read_lock()).map(f)
    }

    /// Reads the next hop with that number.
    #[inline]
    pub(super) fn get(&self, number: u32, guard: &Guard) -> Option<NextHop> {
        self.find(number, guard).map(NextHopRef::get)
    }

    /// Finds the next hop with that number.
    #[inline(always)]
    pub(super) fn find<'g>(&'g self, number: u32, guard: &'g Guard) -> Option<NextHopRef<'g>> {
        self.record(number, guard).map(NextHopRef)
    }
}

/// A list of numbers without users, linked through the records; 0 if empty.
#[derive(Clone, Copy)]
struct NumberList {
    first: u32,
    last: u32,
}

impl NumberList {
    const EMPTY: Self = Self { first: 0, last: 0 };
}

/// The next hops by contents, for the updater.
pub(super) struct Interner {
    buckets: KVVec<u32>,
    /// Next hops with users.
    count: usize,
    /// The count of numbers allocated so far, in use or not.
    allocated: u32,
    /// The first number that no reader uses.
    free: u32,
    /// Numbers released since the current grace period was started.
    released: NumberList,
    /// Numbers waiting for the current grace period.
    waiting: NumberList,
    grace_period: GracePeriod,
    settings: &'static Settings,
}

impl Interner {
    pub(super) fn new(settings: &'static Settings) -> Self {
        Self {
            settings,
            buckets: KVVec::new(),
            count: 0,
            allocated: 0,
            free: 0,
            released: NumberList::EMPTY,
            waiting: NumberList::EMPTY,
            grace_period: GracePeriod::completed(),
        }
    }

    /// Returns the number of distinct next hops in use.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Returns the bytes of chunks, buckets and pointers.
    pub(super) fn bytes(&self) -> usize {
        let chunks = (self.allocated as usize).div_ceil(CHUNK_LEN);
        chunks * (16 << 10)
            + self.buckets.capacity() * size_of::<u32>()
            + MAX_CHUNKS * size_of::<usize>()
    }

    fn bucket(&self, words: &Words) -> usize {
        let mixed = words.iter().fold(0_u64, |hash, word| {
            (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        });
        (mixed >> 32) as usize & (self.buckets.len() - 1)
    }

    /// Adds a user of `next_hop` and returns its number.
    ///
    /// Errors: `ENOMEM`; `ENOSPC` if the table has too many next hops. Context: may sleep.
    pub(super) fn acquire(&mut self, hops: &NextHops, next_hop: &NextHop) -> Result<u32> {
        let words = next_hop.to_words();
        if let Some(number) = self.find(hops, &words) {
            hops.with(number, |record| {
                record.users.fetch_add(1, Ordering::Relaxed);
            });
            return Ok(number);
        }
        let number = self.make_room(hops)?;
        let bucket = self.bucket(&words);
        hops.with(number, |record| {
            record.set_words(&words);
            record.users.store(1, Ordering::Relaxed);
            record.set_next(self.buckets[bucket]);
        });
        self.buckets[bucket] = number;
        self.count += 1;
        Ok(number)
    }

    /// Makes room in the hash table for one more next hop and returns a number for it.
    fn make_room(&mut self, hops: &NextHops) -> Result<u32> {
        self.recycle(hops);
        if self.count >= self.buckets.len() {
            self.grow(hops)?;
        }
        self.allocate_number(hops)
    }

    fn find(&self, hops: &NextHops, words: &Words) -> Option<u32> {
        if self.buckets.is_empty() {
            return None;
        }
        let mut number = self.buckets[self.bucket(words)];
        while number != 0 {
            let (same, next) =
                hops.with(number, |record| (record.words() == *words, record.next()))?;
            if same {
                return Some(number);
            }
            number = next;
        }
        None
    }

    /// Doubles the hash table. If memory is short, an existing hash table keeps its size.
    fn grow(&mut self, hops: &NextHops) -> Result {
        let len = (self.buckets.len() * 2).max(MIN_BUCKETS);
        let new = match KVVec::from_elem(0, len, GFP_KERNEL) {
            Ok(new) => new,
            Err(_) if !self.buckets.is_empty() => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let old = core::mem::replace(&mut self.buckets, new);
        for first in &old {
            let mut number = *first;
            while number != 0 {
                let Some((words, next)) =
                    hops.with(number, |record| (record.words(), record.next()))
                else {
                    break;
                };
                let bucket = self.bucket(&words);
                hops.with(number, |record| record.set_next(self.buckets[bucket]));
                self.buckets[bucket] = number;
                number = next;
            }
        }
        Ok(())
    }

    /// Returns an unused number.
    fn allocate_number(&mut self, hops: &NextHops) -> Result<u32> {
        if self.free != 0 {
            let number = self.free;
            self.free = hops.with(number, Record::next).unwrap_or(0);
            return Ok(number);
        }
        let index = self.allocated as usize;
        if index % CHUNK_LEN == 0 {
            let chunk = hops.chunks.get(index / CHUNK_LEN).ok_or(ENOSPC)?;
            let new =
                UniqueRcuBox::<Chunk>::from_fn((), CHUNK_LEN, |_| Record::empty(), GFP_KERNEL)?;
            // The pointer is null: `allocated` restarts at 0 only after all chunks were freed.
            drop(chunk.replace(Some(new)));
        }
        self.allocated += 1;
        let (chunk, record) = (index / CHUNK_LEN, index % CHUNK_LEN);
        Ok(((chunk << RECORD_BITS) + record) as u32 + 1)
    }

    /// Moves numbers whose grace period has ended to the free list, and starts a grace period for
    /// the others. Frees all memory if no next hop is in use.
    pub(super) fn recycle(&mut self, hops: &NextHops) {
        let is_complete = match self.settings.quarantine() {
            Some(quarantine) => quarantine.is_complete(&self.grace_period),
            None => self.grace_period.is_complete(),
        };
        if !is_complete {
            return;
        }
        if self.count == 0 {
            self.free_all(hops);
        } else if self.free == 0 {
            self.free = self.waiting.first;
            self.waiting = core::mem::replace(&mut self.released, NumberList::EMPTY);
            if self.waiting.first != 0 {
                self.grace_period = GracePeriod::start();
            }
        }
    }

    /// Removes a user of the next hop with that number. The node that used it must be unlinked.
    pub(super) fn release(&mut self, hops: &NextHops, number: u32) {
        let left = hops.with(number, |record| {
            record.users.fetch_sub(1, Ordering::Relaxed) - 1
        });
        if left != Some(0) {
            return;
        }
        self.unlink(hops, number);
        self.count -= 1;
        if self.count == 0 {
            // `recycle()` frees all memory after this grace period.
            self.grace_period = GracePeriod::start();
        }
        hops.with(number, |record| record.set_next(0));
        match self.released.last {
            0 => self.released.first = number,
            last => {
                hops.with(last, |record| record.set_next(number));
            }
        }
        self.released.last = number;
    }

    /// Removes a next hop from its bucket.
    fn unlink(&mut self, hops: &NextHops, number: u32) {
        let Some((words, after)) = hops.with(number, |record| (record.words(), record.next()))
        else {
            return;
        };
        let bucket = self.bucket(&words);
        if self.buckets[bucket] == number {
            self.buckets[bucket] = after;
            return;
        }
        let mut before = self.buckets[bucket];
        while before != 0 {
            let next = hops.with(before, Record::next).unwrap_or(0);
            if next == number {
                hops.with(before, |record| record.set_next(after));
                return;
            }
            before = next;
        }
    }

    /// Frees all memory. No next hop is in use, and no reader uses a number.
    fn free_all(&mut self, hops: &NextHops) {
        if self.allocated == 0 && self.buckets.is_empty() {
            return;
        }
        for chunk in &hops.chunks[..(self.allocated as usize).div_ceil(CHUNK_LEN)] {
            drop(chunk.replace(None));
        }
        *self = Self::new(self.settings);
    }
}
