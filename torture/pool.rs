// SPDX-License-Identifier: GPL-2.0

//! The elements that readers look for, and what readers find out about them.
//!
//! ```text
//!                 ┌─────────────────────────── pool, as long as the run ───────────────────────────┐
//!                 │ Slot: age, condition, incarnation, contents; home: room for the element's box  │
//!                 └───▲────────────────────────────────────────────────────────────────────────────┘
//!                     │ Arc
//!   published ──► RcuBox<Element>      goes out to be published, is retired, and comes home when its
//!                                      grace period is said to have ended
//! ```
//!
//! An element says no more than which slot is its own, and neither elements nor slots are freed before the
//! run's end. So a grace period that is too short makes readers find an old or a reused slot, which they
//! count, and corrupts nothing.
//!
//! A slot's *age*: 0 while its element is published, 1 when it was retired, 2 when its grace period has
//! ended, one more with each further grace period. A reader that found the element in its critical section
//! sees an age of 0 or 1 for as long as the section lasts, whatever happens, if grace periods are what they
//! should be.

use super::{
    counters::AGES,
    findings::{Finding, Findings},
};
use crate::rcu::{RcuBox, Reclaim, Softirq};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicU8, Ordering};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{Arc, SpinLock},
};

/// The age at which an element may be used again.
pub(super) const OLD: u32 = AGES as u32 - 1;

const FREED: u8 = 0;
const UNINITIALISED: u8 = 1;
const INITIALISED: u8 = 2;

/// Words of contents that must fit together.
const WORDS: usize = 4;

/// What a pointer points to.
pub(super) struct Element {
    slot: Arc<Slot>,
    findings: Arc<Findings>,
}

impl Element {
    pub(super) fn slot(&self) -> &Slot {
        &self.slot
    }
}

impl Reclaim for Element {
    type Context = Softirq;

    fn reclaim(this: RcuBox<Self>) {
        come_home(this);
    }
}

/// Brings back an element whose grace period has ended.
///
/// Context: any.
pub(super) fn come_home(element: RcuBox<Element>) {
    let slot = element.slot.clone();
    let findings = element.findings.clone();
    slot.grow_old_to(2);
    if !slot.put_home(element) {
        findings.note(Finding::NotHome, 0);
    }
}

/// The place of an element.
#[pin_data]
pub(super) struct Slot {
    age: AtomicU32,
    condition: AtomicU8,
    /// How often the element was initialised.
    incarnation: AtomicU64,
    contents: [AtomicU64; WORDS],
    is_home: AtomicBool,
    /// Who finds `is_home` set takes the box, who does not puts it there: nobody waits for the lock, which
    /// callbacks take as well.
    #[pin]
    home: SpinLock<Option<RcuBox<Element>>>,
}

// ORDERING: What a reader finds is ordered by the pointer that it came by, and what it must not find by grace
// periods: that is what is tested. Only `is_home` has to order by itself.
impl Slot {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            age: AtomicU32::new(OLD),
            condition: AtomicU8::new(FREED),
            incarnation: AtomicU64::new(0),
            contents: [const { AtomicU64::new(0) }; WORDS],
            is_home: AtomicBool::new(false),
            home <- new_spinlock!(None, "rcu_torture_home"),
        })
    }

    /// Makes the element look new, but for what follows.
    pub(super) fn prepare(&self) {
        self.condition.store(UNINITIALISED, Ordering::Relaxed);
        self.incarnation.fetch_add(1, Ordering::Relaxed);
        self.age.store(0, Ordering::Relaxed);
    }

    /// Initialises its contents.
    pub(super) fn initialise(&self) {
        let incarnation = self.incarnation.load(Ordering::Relaxed);
        for (word, place) in (0..).zip(&self.contents) {
            place.store(contents(incarnation, word), Ordering::Relaxed);
        }
        self.condition.store(INITIALISED, Ordering::Relaxed);
    }

    /// Takes note that the element is retired.
    pub(super) fn retire(&self) {
        self.age.store(1, Ordering::Relaxed);
    }

    /// Takes note of grace periods since.
    pub(super) fn grow_old_to(&self, age: u32) {
        self.age.fetch_max(age, Ordering::Relaxed);
    }

    /// Takes note of one more grace period, and returns the age.
    pub(super) fn grow_older(&self) -> u32 {
        self.age.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Takes note that the element may be reused.
    pub(super) fn free(&self) {
        self.condition.store(FREED, Ordering::Relaxed);
    }

    fn put_home(&self, element: RcuBox<Element>) -> bool {
        match self.home.try_lock() {
            Some(mut home) if home.is_none() => *home = Some(element),
            _ => return false,
        }
        // ORDERING: Release: who finds it here finds the lock free.
        self.is_home.store(true, Ordering::Release);
        true
    }

    pub(super) fn is_home(&self) -> bool {
        // ORDERING: Acquire, as above.
        self.is_home.load(Ordering::Acquire)
    }

    /// Takes the element from its home.
    pub(super) fn take(&self) -> Option<RcuBox<Element>> {
        if !self.is_home() {
            return None;
        }
        self.is_home.store(false, Ordering::Relaxed);
        self.home.try_lock()?.take()
    }
}

fn contents(incarnation: u64, word: u64) -> u64 {
    incarnation.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ word
}

/// What a reader has found, to be looked at again at the end of its critical section.
pub(super) struct Sighting<'e> {
    slot: &'e Slot,
    incarnation: u64,
}

impl<'e> Sighting<'e> {
    /// Looks at an element that was just found.
    pub(super) fn of(element: &'e Element, findings: &Findings) -> Self {
        let slot = element.slot();
        let sighting = Self {
            slot,
            incarnation: slot.incarnation.load(Ordering::Relaxed),
        };
        sighting.look(findings);
        sighting
    }

    fn look(&self, findings: &Findings) {
        match self.slot.condition.load(Ordering::Relaxed) {
            FREED => findings.note(Finding::Freed, 0),
            UNINITIALISED => findings.note(Finding::Uninitialised, 0),
            _ => {
                let fits = |(word, place): (u64, &AtomicU64)| {
                    place.load(Ordering::Relaxed) == contents(self.incarnation, word)
                };
                if !(0..).zip(&self.slot.contents).all(fits) && !self.was_reused() {
                    findings.note(Finding::Garbled, 0);
                }
            }
        }
    }

    fn was_reused(&self) -> bool {
        self.slot.incarnation.load(Ordering::Relaxed) != self.incarnation
    }

    /// Looks at it for the last time and returns its age. Still inside the critical section.
    pub(super) fn end(self, findings: &Findings) -> u32 {
        let age = self.slot.age.load(Ordering::Relaxed);
        if age > 1 {
            findings.note(Finding::TooOld, age.into());
        }
        if self.was_reused() {
            findings.note(Finding::Reused, 0);
        } else {
            self.look(findings);
        }
        age
    }
}

/// All slots of a run.
pub(super) struct Pool {
    slots: KVec<Arc<Slot>>,
}

impl Pool {
    /// As many elements, all of them at home.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn new(size: usize, findings: &Arc<Findings>) -> Result<Self> {
        let mut pool = Self {
            slots: KVec::with_capacity(size, GFP_KERNEL)?,
        };
        for _ in 0..size {
            let slot = Arc::pin_init(Slot::new(), GFP_KERNEL)?;
            let element = Element {
                slot: slot.clone(),
                findings: findings.clone(),
            };
            pool.slots.push(slot.clone(), GFP_KERNEL)?;
            slot.put_home(RcuBox::new(element, GFP_KERNEL)?);
        }
        Ok(pool)
    }

    pub(super) fn get(&self, index: usize) -> Option<&Arc<Slot>> {
        self.slots.get(index)
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// How many elements are away.
    pub(super) fn away(&self) -> usize {
        self.slots.iter().filter(|slot| !slot.is_home()).count()
    }
}

impl Drop for Pool {
    /// Slots and elements own each other.
    fn drop(&mut self) {
        for slot in &self.slots {
            drop(slot.take());
        }
    }
}
