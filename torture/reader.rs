// SPDX-License-Identifier: GPL-2.0

//! Readers: the body of a read-side critical section of any kind.

use super::{
    bug::Bug,
    counters::{Count, Counters},
    pool::{Element, Observation},
    run::Run,
};
use crate::kernel_ext::{
    delay::{sleep_ms, spin_us},
    kthread::preemptions,
    random::Random,
};

/// Microseconds of an occasional delay, as in C's rcutorture.
const SHORT_US: u32 = 200;
/// Milliseconds of a rare delay.
const LONG_MS: u32 = 50;

/// Updates that a delayed reader awaits, and the longest time for which it does, in µs.
const AWAITED_UPDATES: u64 = 16;
const MAX_UPDATES_US: u32 = 20_000;

/// A reader, with its random numbers and counters.
pub(super) struct Reader<'a> {
    pub(super) run: &'a Run,
    pub(super) counters: &'a Counters,
    pub(super) random: &'a mut Random,
}

impl Reader<'_> {
    /// Checks the element, delays, and checks it again. The caller's critical section must last
    /// until this returns.
    ///
    /// Context: inside a read-side critical section.
    pub(super) fn observe(&mut self, element: Option<&Element>, delay: impl FnOnce(&mut Self)) {
        let Some(element) = element else {
            return;
        };
        let observation = Observation::of(element, &self.run.findings);
        let before = preemptions();
        delay(self);
        if preemptions() != before {
            self.counters.count(Count::PreemptedReads);
        }
        let age = observation.finish(&self.run.findings);
        self.counters.count_age(age);
        self.counters.count(Count::Reads);
    }

    /// Delays inside the critical section: usually not at all, occasionally briefly, rarely for
    /// long. With an injected bug more often: only a reader that is active at that moment can
    /// detect most bugs.
    ///
    /// Context: any; keeps the CPU busy.
    pub(super) fn delay(&mut self) {
        let readers = self.run.plan.readers as u32;
        let chance = match self.run.plan.bug {
            Bug::None => readers.saturating_mul(2 * SHORT_US),
            _ => 4,
        };
        if self.random.one_in(readers.saturating_mul(2000 * LONG_MS)) {
            self.counters.count(Count::LongReads);
            for _ in 0..LONG_MS {
                spin_us(1000);
            }
        } else if self.random.one_in(chance) {
            spin_us(SHORT_US);
        }
    }

    /// Delays inside the critical section until the writer has made several updates: on a slow
    /// machine it makes none in a short delay.
    ///
    /// Context: any; keeps the CPU busy.
    pub(super) fn delay_for_updates(&mut self) {
        if !self.random.one_in(4) {
            return;
        }
        let updates = || self.run.counters.get(Count::Updates);
        let before = updates();
        for _ in 0..MAX_UPDATES_US / SHORT_US {
            if updates() - before >= AWAITED_UPDATES {
                break;
            }
            spin_us(SHORT_US);
        }
    }
}

/// A preempting thread, of real-time priority and bound to one CPU: preempts its readers.
pub(super) fn preempt(run: &Run) {
    let mut random = Random::new();
    while run.should_continue(&mut random) {
        sleep_ms(2 + random.below(30));
        spin_us(random.below(1000));
    }
}
