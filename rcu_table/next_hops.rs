// SPDX-License-Identifier: GPL-2.0

//! The next hops in use, each stored once however many routes share it.
//!
//! Routes know a next hop by its number. Readers turn a number into the next hop without a lock: the
//! numbers' places are in chunks that are published once and stay. The updater, who holds the table's
//! mutex, counts each next hop's users and finds it by its contents in a hash table of numbers.
//!
//! ```text
//!   number ──► chunk ──► place: contents (atomic words) · users · next number in its list
//!                          ▲
//!   hash of contents ──► bucket: first number
//! ```
//!
//! A number without users may still be with readers, so it is given out again only after a grace
//! period.

use super::{
    next_hop::{NextHop, Words},
    settings::Settings,
};
use crate::rcu::{read_lock, Flexible, GracePeriod, Guard, Rcu, RcuBox};
use core::{
    mem::size_of,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};
use kernel::prelude::*;

/// The place of one next hop.
struct Place {
    contents: [AtomicU64; 4],
    /// Routes that use it. Only the updater looks.
    users: AtomicU32,
    /// The next in its bucket, or in the list of free numbers. Only the updater looks.
    next: AtomicU32,
}

/// A next hop as a lookup finds it: what has to be known of it is read when it is asked for.
#[derive(Clone, Copy)]
pub struct NextHopRef<'g>(&'g Place);

impl NextHopRef<'_> {
    /// The next hop.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn get(self) -> NextHop {
        NextHop::from_words(&self.0.words())
    }

    /// The low bits of the gateway's address, or 0: what costs as much as to look at the next hop.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn digest(self) -> u64 {
        self.0.contents[1].load(Ordering::Relaxed)
    }
}

/// Places in a chunk, which takes 16 KiB.
const CHUNK: usize = 409;
/// Low bits of a number that say which place of its chunk, so that readers need not divide.
const PLACE_BITS: u32 = CHUNK.next_power_of_two().trailing_zeros();
/// Chunks that a table can have.
const CHUNKS: usize = 4096;
/// The fewest buckets of the hash table.
const MIN_BUCKETS: usize = 64;

type Chunk = Flexible<(), Place>;

// ORDERING: The contents of a place are written before a node with its number is published, and not
// again before a grace period has ended since the last such node was unpublished: that orders them.
// The rest is the updater's alone.
impl Place {
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

/// What readers use: the next hops by number.
pub(super) struct NextHops {
    chunks: KVVec<Rcu<Chunk>>,
}

impl NextHops {
    /// Room for all that a table can have, of which nothing is allocated but the pointers.
    ///
    /// Errors: `ENOMEM`.
    pub(super) fn new() -> Result<Self> {
        let mut chunks = KVVec::with_capacity(CHUNKS, GFP_KERNEL)?;
        while chunks.len() < CHUNKS {
            chunks
                .push_within_capacity(Rcu::null())
                .map_err(|_| ENOMEM)?;
        }
        Ok(Self { chunks })
    }

    #[inline(always)]
    fn place<'g>(&'g self, number: u32, guard: &'g Guard) -> Option<&'g Place> {
        let index = number.checked_sub(1)? as usize;
        let chunk = self.chunks.get(index >> PLACE_BITS)?;
        let place = index % (1 << PLACE_BITS);
        chunk.dereference(guard)?.elements.get(place)
    }

    /// What the updater sees of a place.
    fn with<R>(&self, number: u32, look: impl FnOnce(&Place) -> R) -> Option<R> {
        self.place(number, &read_lock()).map(look)
    }

    /// The next hop with that number.
    #[inline]
    pub(super) fn get(&self, number: u32, guard: &Guard) -> Option<NextHop> {
        self.find(number, guard).map(NextHopRef::get)
    }

    /// Where the next hop with that number is.
    #[inline(always)]
    pub(super) fn find<'g>(&'g self, number: u32, guard: &'g Guard) -> Option<NextHopRef<'g>> {
        self.place(number, guard).map(NextHopRef)
    }
}

/// Numbers without users that readers may still have.
#[derive(Clone, Copy)]
struct Limbo {
    first: u32,
    last: u32,
}

impl Limbo {
    const EMPTY: Self = Self { first: 0, last: 0 };
}

/// What the updater uses: the next hops by contents.
pub(super) struct Interner {
    buckets: KVVec<u32>,
    /// Next hops with users.
    count: usize,
    /// Numbers that were ever given out.
    given: u32,
    /// The first of the numbers that no reader has.
    free: u32,
    /// Numbers that went out of use since `waiting` was closed.
    leaving: Limbo,
    /// Numbers that wait for the grace period.
    waiting: Limbo,
    grace_period: GracePeriod,
    settings: &'static Settings,
}

impl Interner {
    pub(super) fn new(settings: &'static Settings) -> Self {
        Self {
            settings,
            buckets: KVVec::new(),
            count: 0,
            given: 0,
            free: 0,
            leaving: Limbo::EMPTY,
            waiting: Limbo::EMPTY,
            grace_period: GracePeriod::completed(),
        }
    }

    /// How many different next hops are in use.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// The memory behind them, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let chunks = (self.given as usize).div_ceil(CHUNK);
        chunks * (16 << 10)
            + self.buckets.capacity() * size_of::<u32>()
            + CHUNKS * size_of::<usize>()
    }

    fn bucket(&self, words: &Words) -> usize {
        let mixed = words.iter().fold(0_u64, |hash, word| {
            (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        });
        (mixed >> 32) as usize & (self.buckets.len() - 1)
    }

    /// One route more uses `next_hop`; returns its number.
    ///
    /// Errors: `ENOMEM`; `ENOSPC` if there are too many. Context: may sleep.
    pub(super) fn acquire(&mut self, hops: &NextHops, next_hop: &NextHop) -> Result<u32> {
        let words = next_hop.to_words();
        if let Some(number) = self.find(hops, &words) {
            hops.with(number, |place| {
                place.users.fetch_add(1, Ordering::Relaxed);
            });
            return Ok(number);
        }
        let number = self.make_room(hops)?;
        let bucket = self.bucket(&words);
        hops.with(number, |place| {
            place.set_words(&words);
            place.users.store(1, Ordering::Relaxed);
            place.set_next(self.buckets[bucket]);
        });
        self.buckets[bucket] = number;
        self.count += 1;
        Ok(number)
    }

    /// Room for one more in the hash table, and a number for it.
    fn make_room(&mut self, hops: &NextHops) -> Result<u32> {
        self.recycle(hops);
        if self.count >= self.buckets.len() {
            self.grow(hops)?;
        }
        self.take_number(hops)
    }

    fn find(&self, hops: &NextHops, words: &Words) -> Option<u32> {
        if self.buckets.is_empty() {
            return None;
        }
        let mut number = self.buckets[self.bucket(words)];
        while number != 0 {
            let (same, next) =
                hops.with(number, |place| (place.words() == *words, place.next()))?;
            if same {
                return Some(number);
            }
            number = next;
        }
        None
    }

    /// Doubles the hash table. Only the first one has to succeed.
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
                let Some((words, next)) = hops.with(number, |place| (place.words(), place.next()))
                else {
                    break;
                };
                let bucket = self.bucket(&words);
                hops.with(number, |place| place.set_next(self.buckets[bucket]));
                self.buckets[bucket] = number;
                number = next;
            }
        }
        Ok(())
    }

    /// A number that nobody has.
    fn take_number(&mut self, hops: &NextHops) -> Result<u32> {
        if self.free != 0 {
            let number = self.free;
            self.free = hops.with(number, Place::next).unwrap_or(0);
            return Ok(number);
        }
        let index = self.given as usize;
        if index % CHUNK == 0 {
            let slot = hops.chunks.get(index / CHUNK).ok_or(ENOSPC)?;
            let chunk = RcuBox::<Chunk>::from_fn((), CHUNK, |_| Place::empty(), GFP_KERNEL)?;
            // There is none, as numbers are given out anew only once all chunks are gone.
            drop(slot.replace(Some(chunk)));
        }
        self.given += 1;
        let (chunk, place) = (index / CHUNK, index % CHUNK);
        Ok(((chunk << PLACE_BITS) + place) as u32 + 1)
    }

    /// Frees the numbers whose grace period has ended, and has another one started for the others. If no
    /// next hop is in use, gives the memory back.
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
            self.waiting = core::mem::replace(&mut self.leaving, Limbo::EMPTY);
            if self.waiting.first != 0 {
                self.grace_period = GracePeriod::start();
            }
        }
    }

    /// One route less uses the next hop with that number, and no node that readers can reach from now
    /// on says otherwise.
    pub(super) fn release(&mut self, hops: &NextHops, number: u32) {
        let left = hops.with(number, |place| {
            place.users.fetch_sub(1, Ordering::Relaxed) - 1
        });
        if left != Some(0) {
            return;
        }
        self.unlink(hops, number);
        self.count -= 1;
        if self.count == 0 {
            // For all numbers: see `recycle()`.
            self.grace_period = GracePeriod::start();
        }
        hops.with(number, |place| place.set_next(0));
        match self.leaving.last {
            0 => self.leaving.first = number,
            last => {
                hops.with(last, |place| place.set_next(number));
            }
        }
        self.leaving.last = number;
    }

    /// Takes a next hop out of its bucket.
    fn unlink(&mut self, hops: &NextHops, number: u32) {
        let Some((words, after)) = hops.with(number, |place| (place.words(), place.next())) else {
            return;
        };
        let bucket = self.bucket(&words);
        if self.buckets[bucket] == number {
            self.buckets[bucket] = after;
            return;
        }
        let mut before = self.buckets[bucket];
        while before != 0 {
            let next = hops.with(before, Place::next).unwrap_or(0);
            if next == number {
                hops.with(before, |place| place.set_next(after));
                return;
            }
            before = next;
        }
    }

    /// Gives the memory back: no next hop is in use, nor known to readers.
    fn free_all(&mut self, hops: &NextHops) {
        if self.given == 0 && self.buckets.is_empty() {
            return;
        }
        for chunk in &hops.chunks[..(self.given as usize).div_ceil(CHUNK)] {
            drop(chunk.replace(None));
        }
        *self = Self::new(self.settings);
    }
}
