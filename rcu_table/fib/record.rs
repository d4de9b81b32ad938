// SPDX-License-Identifier: GPL-2.0

//! The answers by number: the next hop and the metric of a route, in one flat array.
//!
//! The array doubles when it is full: the updater publishes a copy and retires the old array. A
//! reader loads the number before the array, so the array that it finds has the number.

use super::{
    object::{allocate, Fib},
    word::{PointerWord, ReuseCount},
};
use crate::{
    kernel_ext::sched,
    rcu::Guard,
    rcu_table::next_hop::{slot_of, NextHop, Words},
};
use core::{
    mem::size_of,
    ptr::{self, NonNull},
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};
use kernel::prelude::*;

/// The number that stands for no answer.
pub(in super::super) const NO_NUMBER: u32 = 0;

/// Records copied before the updater yields the CPU.
const YIELD_INTERVAL: usize = 4096;

/// An answer.
#[repr(C)]
pub(in super::super) struct Record {
    words: [AtomicU64; 4],
    metric: AtomicU32,
    /// In the first record: the number of records of the array.
    len: AtomicU32,
}

// ORDERING: Relaxed: the release of the slot or link with the record's number orders the earlier
// writes of its contents. A grace period separates the last reader of the number from new contents.
impl Record {
    #[inline(always)]
    pub(in super::super) fn next_hop(&self) -> NextHop {
        NextHop::from_words(&self.words())
    }

    /// Returns the slot of the object that the next hop names; 0 for other next hops.
    pub(in super::super) fn slot(&self) -> u32 {
        slot_of(&self.words())
    }

    /// Returns the low bits of the gateway's address, or 0.
    #[inline(always)]
    pub(in super::super) fn digest(&self) -> u64 {
        self.words[1].load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub(in super::super) fn words(&self) -> Words {
        let word = |number: usize| self.words[number].load(Ordering::Relaxed);
        [word(0), word(1), word(2), word(3)]
    }

    #[inline(always)]
    pub(in super::super) fn metric(&self) -> u32 {
        self.metric.load(Ordering::Relaxed)
    }

    /// Changes the contents of a record that no reader uses.
    pub(in super::super) fn set(&self, words: &Words, metric: u32) {
        for (to, from) in self.words.iter().zip(words) {
            to.store(*from, Ordering::Relaxed);
        }
        self.metric.store(metric, Ordering::Relaxed);
    }
}

/// The published array, or null while no route is known. The second field counts the numbers that
/// were reused for another answer.
///
/// # Invariants
///
/// If the pointer is not null, it is that of a live array, whose first record holds its length.
pub(in super::super) struct Records(PointerWord<Record>, ReuseCount);

impl Records {
    pub(in super::super) const fn new() -> Self {
        Self(PointerWord::new(ptr::null_mut()), ReuseCount::new())
    }

    /// Returns the count of reused numbers. A reader that loaded a number before this call sees the
    /// count of its last reuse.
    pub(in super::super) fn reuses(&self) -> u64 {
        self.1.load()
    }

    /// Counts a reuse. The caller holds the table's mutex, and publishes the reused numbers after
    /// this call.
    pub(in super::super) fn count_reuse(&self) {
        self.1.count();
    }

    /// Returns the record of a number that the caller has loaded before.
    #[inline(always)]
    pub(in super::super) fn find<'g>(
        &'g self,
        number: u32,
        _guard: &'g Guard,
    ) -> Option<&'g Record> {
        if number == NO_NUMBER {
            return None;
        }
        self.get(number)
    }

    #[inline(always)]
    fn get(&self, number: u32) -> Option<&Record> {
        let array = self.0.load();
        if array.is_null() {
            return None;
        }
        // SAFETY: By the type invariant the array is live. A replaced one stays live for a grace
        // period, which a reader's guard prevents from ending; an updater holds the mutex.
        let len = unsafe { (*array).len.load(Ordering::Relaxed) };
        // SAFETY: The array is live for the same reason, and the index is less than its length.
        (number < len).then(|| unsafe { &*array.add(number as usize) })
    }

    /// Returns a record. The caller is an updater and holds the table's mutex.
    pub(in super::super) fn for_updater(&self, number: u32) -> Option<&Record> {
        self.get(number)
    }

    /// Returns the number of records, the first one included.
    pub(in super::super) fn len(&self) -> usize {
        self.get(0)
            .map_or(0, |first| first.len.load(Ordering::Relaxed) as usize)
    }

    fn lines(len: usize) -> usize {
        (len * size_of::<Record>()).div_ceil(64)
    }

    /// Publishes an array of `len` records with the contents of the old one, which it returns.
    ///
    /// Errors: `ENOMEM`; the old array stays then. Context: may sleep.
    pub(in super::super) fn grow(&self, len: usize) -> Result<Fib> {
        let memory = allocate(Self::lines(len))?;
        let array = memory.as_ptr().cast::<Record>();
        for at in 0..len {
            if at % YIELD_INTERVAL == YIELD_INTERVAL - 1 {
                sched::yield_now();
            }
            let old = self.get(at as u32);
            let record = Record {
                words: old.map_or([0; 4], Record::words).map(AtomicU64::new),
                metric: old.map_or(0, Record::metric).into(),
                len: (if at == 0 { len as u32 } else { 0 }).into(),
            };
            // SAFETY: The memory is new and has room for `len` records.
            unsafe { array.add(at).write(record) };
        }
        Ok(self.replace(array))
    }

    /// Unpublishes the array and returns it.
    pub(in super::super) fn take(&self) -> Fib {
        self.replace(ptr::null_mut())
    }

    fn replace(&self, new: *mut Record) -> Fib {
        let len = self.len();
        // Only the updater with the mutex stores here.
        let old = self.0.load();
        // INVARIANT: The new array has been initialised.
        self.0.store(new);
        match NonNull::new(old.cast::<u8>()) {
            // SAFETY: By the type invariant the pointer owned an array of that length, and it holds
            // another one now.
            Some(old) => unsafe { Fib::other(old, Self::lines(len)) },
            None => Fib::NONE,
        }
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        self.take().free();
    }
}
