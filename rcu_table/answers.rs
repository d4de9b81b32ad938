// SPDX-License-Identifier: GPL-2.0

//! The answers in use: pairs of a next hop and a metric. Routes share them by number.
//!
//! ```text
//!   number ──► record: next hop, metric                   what readers read
//!          └─► users, next number in its list             what the updater reads
//!               ▲
//!   hash of the pair ──► bucket: first number
//! ```
//!
//! Readers may still use a number that has no users, so it is reused only after a grace period.
//! Until then its memory counts as retired: behind a long reader the updater waits before numbers
//! or memory run out.

use super::{
    fib::{gfp, Account, Fate, Fib, Record, Records, Retirees, MAX_NUMBER, NO_NUMBER},
    hop_index::HopIndex,
    next_hop::{NextHop, Words},
    settings::Settings,
    stats::Footprint,
    table::yield_after,
};
use crate::{kernel_ext::sched, rcu::GracePeriod};
use core::mem::size_of;
use kernel::{prelude::*, sync::Arc};

/// The least number of records and of buckets.
const MIN_LEN: usize = 64;

/// The number of elements that [`collect`] copies before the updater yields the CPU.
const COLLECTED: usize = 4096;

/// The part of an answer that only the updater reads.
#[derive(Clone, Copy)]
struct Entry {
    /// The number of routes that use it.
    users: u32,
    /// The next number in the bucket or in a [`NumberList`].
    next: u32,
}

/// A list of numbers without users, linked through the entries.
#[derive(Clone, Copy)]
struct NumberList {
    first: u32,
    last: u32,
    len: usize,
}

impl NumberList {
    const EMPTY: Self = Self {
        first: NO_NUMBER,
        last: NO_NUMBER,
        len: 0,
    };
}

/// Numbers for whose grace period the caller of [`Answers::drain`] waits.
pub(super) struct Drained([NumberList; 2]);

/// The answers by contents, for the updater.
pub(super) struct Answers {
    buckets: KVVec<u32>,
    entries: KVVec<Entry>,
    /// Answers with users.
    count: usize,
    /// The first number that no reader uses.
    free: u32,
    /// Numbers released since the current grace period was started.
    released: NumberList,
    /// Numbers waiting for the current grace period.
    waiting: NumberList,
    grace_period: GracePeriod,
    /// The calls of [`Self::drain`] whose numbers have not been returned.
    drains: usize,
    /// The objects that next hops name.
    pub(super) objects: HopIndex,
    settings: &'static Settings,
    account: Arc<Account>,
}

/// Returns the memory of numbers that wait for a grace period.
fn footprint_of(numbers: usize) -> Footprint {
    Footprint {
        objects: 0,
        bytes: numbers * (size_of::<Record>() + size_of::<Entry>()),
    }
}

/// Collects elements in a new array of a fixed capacity. Growth of an existing array would copy
/// megabytes without a reschedule point.
///
/// Errors: `ENOMEM`. Context: may sleep.
pub(super) fn collect<T>(elements: impl Iterator<Item = T>, capacity: usize) -> Result<KVVec<T>> {
    let mut array = KVVec::with_capacity(capacity, gfp())?;
    for (at, element) in elements.take(capacity).enumerate() {
        array.push_within_capacity(element).map_err(|_| ENOMEM)?;
        if at % COLLECTED == COLLECTED - 1 {
            sched::yield_now();
        }
    }
    Ok(array)
}

impl Answers {
    pub(super) fn new(settings: &'static Settings, account: Arc<Account>) -> Self {
        Self {
            buckets: KVVec::new(),
            entries: KVVec::new(),
            count: 0,
            free: NO_NUMBER,
            released: NumberList::EMPTY,
            waiting: NumberList::EMPTY,
            grace_period: GracePeriod::completed(),
            drains: 0,
            objects: HopIndex::new(account.clone()),
            settings,
            account,
        }
    }

    /// Returns the number of answers in use.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Returns the bytes of records, entries and buckets.
    pub(super) fn bytes(&self, records: &Records) -> usize {
        records.len() * size_of::<Record>()
            + self.entries.capacity() * size_of::<Entry>()
            + self.buckets.capacity() * size_of::<u32>()
    }

    fn bucket(&self, words: &Words, metric: u32) -> usize {
        let mixed = words.iter().fold(u64::from(metric), |hash, word| {
            (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        });
        (mixed >> 32) as usize & (self.buckets.len() - 1)
    }

    fn entry(&mut self, number: u32) -> &mut Entry {
        // Every number that is in use or in a list has an entry.
        &mut self.entries[number as usize]
    }

    /// Adds a user of a next hop with a metric, and returns the answer's number.
    ///
    /// Errors: `ENOMEM`; `ENOSPC` if the table has too many answers; `EINVAL` if the next hop names
    /// an object that does not exist. Context: may sleep.
    pub(super) fn acquire(
        &mut self,
        records: &Records,
        retirees: &mut Retirees,
        next_hop: &NextHop,
        metric: u32,
    ) -> Result<u32> {
        let words = next_hop.to_words(self.objects.slot_of(next_hop)?);
        if let Some(number) = self.find(records, &words, metric) {
            self.entry(number).users += 1;
            return Ok(number);
        }
        self.recycle(records, retirees);
        if self.count >= self.buckets.len() {
            self.grow_buckets(records)?;
        }
        let number = self.allocate(records, retirees)?;
        let bucket = self.bucket(&words, metric);
        if let Some(record) = records.for_updater(number) {
            record.set(&words, metric);
        }
        let next = self.buckets[bucket];
        *self.entry(number) = Entry { users: 1, next };
        self.buckets[bucket] = number;
        self.count += 1;
        self.objects.hold(next_hop);
        Ok(number)
    }

    fn find(&self, records: &Records, words: &Words, metric: u32) -> Option<u32> {
        if self.buckets.is_empty() {
            return None;
        }
        let mut number = self.buckets[self.bucket(words, metric)];
        while number != NO_NUMBER {
            let record = records.for_updater(number)?;
            if record.words() == *words && record.metric() == metric {
                return Some(number);
            }
            number = self.entries[number as usize].next;
        }
        None
    }

    /// Doubles the hash table. If memory is short, an existing hash table keeps its size.
    fn grow_buckets(&mut self, records: &Records) -> Result {
        let len = (self.buckets.len() * 2).max(MIN_LEN);
        let new = match collect(core::iter::repeat(NO_NUMBER), len) {
            Ok(new) => new,
            Err(_) if !self.buckets.is_empty() => return Ok(()),
            Err(error) => return Err(error),
        };
        let old = core::mem::replace(&mut self.buckets, new);
        for (bucket, first) in old.iter().enumerate() {
            yield_after(bucket);
            let mut number = *first;
            while let Some(record) = records.for_updater(number).filter(|_| number != NO_NUMBER) {
                let bucket = self.bucket(&record.words(), record.metric());
                let first = core::mem::replace(&mut self.buckets[bucket], number);
                number = core::mem::replace(&mut self.entry(number).next, first);
            }
        }
        Ok(())
    }

    /// Returns an unused number.
    fn allocate(&mut self, records: &Records, retirees: &mut Retirees) -> Result<u32> {
        if self.free != NO_NUMBER {
            let number = self.free;
            self.free = self.entry(number).next;
            records.count_reuse();
            return Ok(number);
        }
        let number = self.entries.len().max(1);
        if number > MAX_NUMBER as usize {
            return Err(ENOSPC);
        }
        if number >= self.entries.capacity() {
            let capacity = (self.entries.capacity() * 2).max(MIN_LEN);
            self.entries = collect(self.entries.iter().copied(), capacity)?;
        }
        if number >= records.len() {
            retirees.reserve(1)?;
            let old = records.grow((records.len() * 2).max(MIN_LEN))?;
            retire(retirees, old);
        }
        let unused = Entry { users: 0, next: 0 };
        while self.entries.len() <= number {
            self.entries
                .push_within_capacity(unused)
                .map_err(|_| ENOMEM)?;
        }
        Ok(number as u32)
    }

    /// Moves numbers whose grace period has ended to the free list, and starts a grace period for
    /// the others. Frees all memory if no answer is in use.
    pub(super) fn recycle(&mut self, records: &Records, retirees: &mut Retirees) {
        let is_complete = match self.settings.quarantine() {
            Some(quarantine) => quarantine.is_complete(&self.grace_period),
            None => self.grace_period.is_complete(),
        };
        if !is_complete {
            return;
        }
        if self.count == 0 && self.drains == 0 {
            self.free_all(records, retirees);
            return;
        }
        let ended = core::mem::replace(&mut self.waiting, NumberList::EMPTY);
        self.add_free(ended);
        if self.released.len > 0 {
            self.waiting = core::mem::replace(&mut self.released, NumberList::EMPTY);
            self.grace_period = GracePeriod::start();
        }
    }

    fn add_free(&mut self, list: NumberList) {
        if list.len > 0 {
            self.entry(list.last).next = self.free;
            self.free = list.first;
            self.account.reclaimed(footprint_of(list.len));
        }
    }

    /// Takes all numbers that wait. The caller waits for a grace period and returns them.
    pub(super) fn drain(&mut self) -> Drained {
        let lists = [self.waiting, self.released];
        self.drains += 1;
        (self.waiting, self.released) = (NumberList::EMPTY, NumberList::EMPTY);
        Drained(lists)
    }

    /// Takes numbers back whose grace period has ended.
    pub(super) fn refill(&mut self, drained: Drained) {
        self.drains -= 1;
        for list in drained.0 {
            self.add_free(list);
        }
    }

    /// Removes a user of an answer. The route that used it must be unlinked.
    pub(super) fn release(&mut self, records: &Records, number: u32) {
        if !self.remove_user(records, number) {
            return;
        }
        self.entry(number).next = NO_NUMBER;
        match self.released.last {
            NO_NUMBER => self.released.first = number,
            last => self.entry(last).next = number,
        }
        self.released.last = number;
        self.released.len += 1;
        self.account.retired(footprint_of(1));
    }

    /// Removes a user of an answer whose route no reader has seen. If no users remain, no reader
    /// knows the number, so it can be used again at once.
    pub(super) fn give_back(&mut self, records: &Records, number: u32) {
        if self.remove_user(records, number) {
            self.entry(number).next = self.free;
            self.free = number;
        }
    }

    /// Removes a user. Returns whether it was the last one.
    fn remove_user(&mut self, records: &Records, number: u32) -> bool {
        let entry = self.entry(number);
        entry.users -= 1;
        if entry.users > 0 {
            return false;
        }
        self.unlink(records, number);
        if let Some(record) = records.for_updater(number) {
            self.objects.release(&record.next_hop());
        }
        self.count -= 1;
        if self.count == 0 {
            // `recycle()` frees all memory after this grace period.
            self.grace_period = GracePeriod::start();
        }
        true
    }

    /// Removes an answer from its bucket.
    fn unlink(&mut self, records: &Records, number: u32) {
        let Some(record) = records.for_updater(number) else {
            return;
        };
        let bucket = self.bucket(&record.words(), record.metric());
        let after = self.entry(number).next;
        let mut at = self.buckets[bucket];
        if at == number {
            self.buckets[bucket] = after;
            return;
        }
        while at != NO_NUMBER {
            let entry = self.entry(at);
            if entry.next == number {
                entry.next = after;
                return;
            }
            at = entry.next;
        }
    }

    /// Frees all memory. No answer is in use, and no reader uses a number.
    fn free_all(&mut self, records: &Records, retirees: &mut Retirees) {
        if records.len() == 0 && self.buckets.is_empty() {
            return;
        }
        let waiting = self.waiting.len + self.released.len;
        self.account.reclaimed(footprint_of(waiting));
        records.count_reuse();
        retire(retirees, records.take());
        let mut new = Self::new(self.settings, self.account.clone());
        core::mem::swap(&mut self.objects, &mut new.objects);
        *self = new;
    }

    /// Returns the newest answer of a number, even if no route uses it any more; none if the number
    /// was never used.
    pub(super) fn last_of<'r>(&self, records: &'r Records, number: u32) -> Option<&'r Record> {
        let is_known = number != NO_NUMBER && (number as usize) < self.entries.len();
        is_known.then(|| records.for_updater(number)).flatten()
    }

    /// Reads the metric of an answer.
    pub(super) fn metric_of(records: &Records, number: u32) -> u32 {
        records.for_updater(number).map_or(0, Record::metric)
    }
}

/// Retires an array of records.
fn retire(retirees: &mut Retirees, old: Fib) {
    if !old.is_none() {
        retirees.account.retired(old.footprint());
        retirees.add(old, Fate::Free);
    }
}
