// SPDX-License-Identifier: GPL-2.0

//! The pool of elements that readers access, and the records by which readers detect errors.
//!
//! ```text
//!                 ┌──────────────────────────── pool, freed after the run ───────────────────────────┐
//!                 │ Record: age, condition, incarnation, contents; stored: the element's box         │
//!                 └───▲──────────────────────────────────────────────────────────────────────────────┘
//!                     │ Arc
//!   published ──► UniqueRcuBox<Element>   removed from the pool, published, retired, and returned
//!                                         when its grace period is reported to have ended
//! ```
//!
//! An element contains only a reference to its record. Elements and records are not freed before
//! the run ends. So a grace period that is too short makes readers find an old or a reused record,
//! which they count; it corrupts no memory.
//!
//! A record's *age* is 0 while its element is published, 1 once it is retired, 2 once its grace
//! period has ended, and one more after each further grace period. A reader that found the element
//! sees an age of 0 or 1 until its critical section ends, unless a grace period did not wait for
//! it.

use super::{
    bug::Bug,
    counters::AGES,
    findings::{Finding, Findings},
};
use crate::{
    kernel_ext::delay::sleep_ms,
    rcu::{Anywhere, Reclaim, UniqueRcuBox},
};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicU8, Ordering};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{Arc, SpinLock},
};

/// The age at which an element may be reused.
pub(super) const OLD: u32 = AGES as u32 - 1;

const FREED: u8 = 0;
const UNINITIALISED: u8 = 1;
const INITIALISED: u8 = 2;

/// Words of contents. All of them derive from the incarnation.
const WORDS: usize = 4;

/// An object that readers find through the pointer.
pub(super) struct Element {
    record: Arc<Record>,
    findings: Arc<Findings>,
}

impl Element {
    pub(super) fn record(&self) -> &Record {
        &self.record
    }
}

impl Reclaim for Element {
    type Context = Anywhere;
    const RECLAIM: Option<fn(UniqueRcuBox<Self>)> = Some(return_to_pool);
}

/// Returns an element to the pool after its grace period.
///
/// Context: any.
pub(super) fn return_to_pool(element: UniqueRcuBox<Element>) {
    let record = element.record.clone();
    let findings = element.findings.clone();
    record.raise_age_to(2);
    if !record.put_back(element) {
        findings.note(Finding::ReturnedTwice, 0);
    }
}

/// The state of one element.
#[pin_data]
pub(super) struct Record {
    age: AtomicU32,
    condition: AtomicU8,
    /// Number of times that the element was initialised.
    incarnation: AtomicU64,
    contents: [AtomicU64; WORDS],
    is_in_pool: AtomicBool,
    /// The writer removes the box only if `is_in_pool` is set, and a callback stores it only if it
    /// is not. So neither waits for the lock, which callbacks take in softirq context.
    #[pin]
    stored: SpinLock<Option<UniqueRcuBox<Element>>>,
}

// ORDERING: Relaxed: the pointer's publication and grace periods must order these fields; this is
// the property under test. Only `is_in_pool` orders by itself.
impl Record {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            age: AtomicU32::new(OLD),
            condition: AtomicU8::new(FREED),
            incarnation: AtomicU64::new(0),
            contents: [const { AtomicU64::new(0) }; WORDS],
            is_in_pool: AtomicBool::new(false),
            stored <- new_spinlock!(None, "rcu_torture_pool"),
        })
    }

    /// Begins a new incarnation, uninitialised.
    pub(super) fn prepare(&self) {
        self.condition.store(UNINITIALISED, Ordering::Relaxed);
        self.incarnation.fetch_add(1, Ordering::Relaxed);
        self.age.store(0, Ordering::Relaxed);
    }

    /// Initialises the contents.
    pub(super) fn initialise(&self) {
        let incarnation = self.incarnation.load(Ordering::Relaxed);
        for (word, place) in (0..).zip(&self.contents) {
            place.store(contents(incarnation, word), Ordering::Relaxed);
        }
        self.condition.store(INITIALISED, Ordering::Relaxed);
    }

    /// Records that the element is retired.
    pub(super) fn retire(&self) {
        self.age.store(1, Ordering::Relaxed);
    }

    /// Records that grace periods have ended since the retirement.
    pub(super) fn raise_age_to(&self, age: u32) {
        self.age.fetch_max(age, Ordering::Relaxed);
    }

    /// Records one more grace period. Returns the age.
    pub(super) fn increment_age(&self) -> u32 {
        self.age.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Records that the element may be reused.
    pub(super) fn free(&self) {
        self.condition.store(FREED, Ordering::Relaxed);
    }

    fn put_back(&self, element: UniqueRcuBox<Element>) -> bool {
        match self.stored.try_lock() {
            Some(mut stored) if stored.is_none() => *stored = Some(element),
            _ => return false,
        }
        // ORDERING: Release pairs with the acquire in `is_in_pool()`: the lock is free by then.
        self.is_in_pool.store(true, Ordering::Release);
        true
    }

    pub(super) fn is_in_pool(&self) -> bool {
        // ORDERING: Acquire pairs with the release in `put_back()`.
        self.is_in_pool.load(Ordering::Acquire)
    }

    /// Removes the element from the pool.
    pub(super) fn remove(&self) -> Option<UniqueRcuBox<Element>> {
        if !self.is_in_pool() {
            return None;
        }
        self.is_in_pool.store(false, Ordering::Relaxed);
        self.stored.try_lock()?.take()
    }
}

fn contents(incarnation: u64, word: u64) -> u64 {
    incarnation.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ word
}

/// Injects the bugs that follow the publication of `new` and the retirement of `old`.
pub(super) fn inject_after_publishing(bug: Bug, new: &Record, old: &Record) {
    match bug {
        Bug::SkipGp => old.raise_age_to(2),
        Bug::EarlyFree => old.free(),
        Bug::PlainStore => {
            // Gives readers, which have a lower priority, time to find the new element
            // uninitialised.
            sleep_ms(5);
            new.initialise();
        }
        Bug::ReuseBeforeGp => {
            old.prepare();
            old.initialise();
        }
        Bug::None | Bug::LostCallback | Bug::TornTransaction | Bug::LostChange => {}
    }
}

/// An element that a reader has found, checked again before its critical section ends.
pub(super) struct Observation<'e> {
    record: &'e Record,
    incarnation: u64,
}

impl<'e> Observation<'e> {
    /// Checks an element that was just found.
    pub(super) fn of(element: &'e Element, findings: &Findings) -> Self {
        let record = element.record();
        let observation = Self {
            record,
            incarnation: record.incarnation.load(Ordering::Relaxed),
        };
        observation.check(findings);
        observation
    }

    fn check(&self, findings: &Findings) {
        match self.record.condition.load(Ordering::Relaxed) {
            FREED => findings.note(Finding::Freed, 0),
            UNINITIALISED => findings.note(Finding::Uninitialised, 0),
            _ => {
                let fits = |(word, place): (u64, &AtomicU64)| {
                    place.load(Ordering::Relaxed) == contents(self.incarnation, word)
                };
                if !(0..).zip(&self.record.contents).all(fits) && !self.was_reused() {
                    findings.note(Finding::Garbled, 0);
                }
            }
        }
    }

    fn was_reused(&self) -> bool {
        self.record.incarnation.load(Ordering::Relaxed) != self.incarnation
    }

    /// Checks it for the last time and returns its age.
    ///
    /// Context: inside the same critical section.
    pub(super) fn finish(self, findings: &Findings) -> u32 {
        let age = self.record.age.load(Ordering::Relaxed);
        if age > 1 {
            findings.note(Finding::TooOld, age.into());
        }
        if self.was_reused() {
            findings.note(Finding::Reused, 0);
        } else {
            self.check(findings);
        }
        age
    }
}

/// All records of a run.
pub(super) struct Pool {
    records: KVec<Arc<Record>>,
}

impl Pool {
    /// Creates a pool with `size` elements.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn new(size: usize, findings: &Arc<Findings>) -> Result<Self> {
        let mut pool = Self {
            records: KVec::with_capacity(size, GFP_KERNEL)?,
        };
        for _ in 0..size {
            let record = Arc::pin_init(Record::new(), GFP_KERNEL)?;
            let element = Element {
                record: record.clone(),
                findings: findings.clone(),
            };
            pool.records.push(record.clone(), GFP_KERNEL)?;
            record.put_back(UniqueRcuBox::new(element, GFP_KERNEL)?);
        }
        Ok(pool)
    }

    pub(super) fn get(&self, index: usize) -> Option<&Arc<Record>> {
        self.records.get(index)
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// Returns the number of elements that are published or retired.
    pub(super) fn outstanding(&self) -> usize {
        self.records
            .iter()
            .filter(|record| !record.is_in_pool())
            .count()
    }
}

impl Drop for Pool {
    /// Breaks the cycle: records and elements own each other.
    fn drop(&mut self) {
        for record in &self.records {
            drop(record.remove());
        }
    }
}
