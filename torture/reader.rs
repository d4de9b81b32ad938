// SPDX-License-Identifier: GPL-2.0

//! Readers: what happens inside a read-side critical section, whatever began it.

use super::{
    bug::Bug,
    counters::{Count, Counters},
    flavour::Flavour,
    pool::{Element, Sighting},
    run::Run,
};
use crate::kernel_ext::{
    cpu,
    delay::{sleep_ms, spin_us},
    kthread::preemptions,
    random::Random,
    sched::yield_now,
};

/// Microseconds that readers of C's rcutorture stay at times.
const SHORT_US: u32 = 200;
/// Milliseconds that they stay rarely.
const LONG_MS: u32 = 50;

/// Who reads: its choices and its counts.
pub(super) struct Reader<'a> {
    pub(super) run: &'a Run,
    pub(super) counters: &'a Counters,
    pub(super) random: &'a mut Random,
}

impl Reader<'_> {
    /// Looks at what was found, stays a while, and looks again. The caller's critical section lasts until
    /// this returns.
    ///
    /// Context: inside a read-side critical section.
    pub(super) fn observe(&mut self, element: Option<&Element>, stay: impl FnOnce(&mut Self)) {
        let Some(element) = element else {
            return;
        };
        let sighting = Sighting::of(element, &self.run.findings);
        let before = preemptions();
        stay(self);
        if preemptions() != before {
            self.counters.count(Count::PreemptedReads);
        }
        let age = sighting.end(&self.run.findings);
        self.counters.count_age(age);
        self.counters.count(Count::Reads);
    }

    /// Stays inside the critical section: mostly not, at times shortly, rarely long. With a mistake to be
    /// found, more often: most mistakes show to those alone who are there when they are made.
    ///
    /// Context: any; the CPU is busy all the time.
    pub(super) fn stay(&mut self) {
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
}

/// What a reader's thread does.
pub(super) fn read<F: Flavour>(run: &Run, flavour: &F, counters: &Counters) {
    let mut random = Random::new();
    let mut sections = 0_u32;
    while run.goes_on(&mut random) {
        flavour.read(&mut Reader {
            run,
            counters,
            random: &mut random,
        });
        sections = sections.wrapping_add(1);
        if sections % 64 == 0 {
            yield_now();
        }
    }
}

/// What the thread does that has CPUs read in interrupts.
pub(super) fn interrupt<F: Flavour>(run: &Run, flavour: &F, counters: &Counters) {
    let mut random = Random::new();
    while run.goes_on(&mut random) {
        for cpu in cpu::online() {
            let random = &mut random;
            let read = || {
                flavour.read_in_interrupt(&mut Reader {
                    run,
                    counters,
                    random,
                })
            };
            // The CPU may have gone offline meanwhile.
            if cpu::interrupt(cpu, read).is_ok() {
                counters.count(Count::IrqReads);
            }
        }
        sleep_ms(1 + random.below(5));
    }
}

/// What a thread does that takes readers' CPU away. Of the highest priority, and bound to one CPU.
pub(super) fn preempt(run: &Run) {
    let mut random = Random::new();
    while run.goes_on(&mut random) {
        sleep_ms(2 + random.below(30));
        spin_us(random.below(1000));
    }
}
