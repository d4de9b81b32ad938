// SPDX-License-Identifier: GPL-2.0

//! Writers: the writer that replaces elements, and fake writers that only cause grace periods.

use super::{
    bug::Bug,
    counters::Count,
    findings::{Finding, Findings},
    flavour::{Flavour, Update},
    pool::{return_to_pool, Element, Pool, OLD},
    run::Run,
};
use crate::{
    kernel_ext::{delay::sleep_ms, random::Random},
    rcu::UniqueRcuBox,
};
use kernel::prelude::*;

/// Polls until the element's grace period has ended, and returns the element to the pool.
///
/// Context: may sleep.
pub(super) fn poll_for<P>(
    mut polled: P,
    try_reclaim: impl Fn(P) -> Result<UniqueRcuBox<Element>, P>,
    run: &Run,
) {
    loop {
        match try_reclaim(polled) {
            Ok(element) => break return_to_pool(element),
            Err(again) => polled = again,
        }
        sleep_ms(1);
    }
    run.counters.count(Count::GpPoll);
}

/// An element in the pool that ages before its reuse.
struct Aging<C> {
    record: usize,
    cookie: C,
}

struct Writer<'a, F: Flavour> {
    run: &'a Run,
    flavour: &'a F,
    pool: &'a Pool,
    random: Random,
    /// The record of the published element.
    published: usize,
    /// Records of retired elements that are not in the pool yet.
    retired: KVec<usize>,
    aging_elements: KVec<Aging<F::Cookie<'a>>>,
    free: KVec<usize>,
    /// The grace period that is counted next.
    grace_period: F::Cookie<'a>,
}

/// The writer thread. Element 0 is published, all others are free.
pub(super) fn write<F: Flavour>(run: &Run, flavour: &F, pool: &Pool) -> Result {
    let mut writer = Writer {
        run,
        flavour,
        pool,
        random: Random::new(),
        published: 0,
        retired: KVec::with_capacity(pool.len(), GFP_KERNEL)?,
        aging_elements: KVec::with_capacity(pool.len(), GFP_KERNEL)?,
        free: KVec::with_capacity(pool.len(), GFP_KERNEL)?,
        grace_period: flavour.cookie(),
    };
    for record in 1..pool.len() {
        writer.free.push(record, GFP_KERNEL)?;
    }
    while run.should_continue(&mut writer.random) {
        writer.age();
        writer.update();
        if writer.random.one_in(8) {
            sleep_ms(1 + writer.random.below(10));
        }
    }
    Ok(())
}

impl<'a, F: Flavour> Writer<'a, F> {
    /// Ages the elements that are back in the pool by the grace periods that have ended.
    fn age(&mut self) {
        let (flavour, pool, findings) = (self.flavour, self.pool, &self.run.findings);
        if flavour.is_complete(self.grace_period) {
            self.run.counters.count(Count::GracePeriods);
            self.grace_period = flavour.cookie();
        }
        let (aging_elements, free) = (&mut self.aging_elements, &mut self.free);
        self.retired.retain(|record| {
            let is_retired = !pool.get(*record).is_some_and(|record| record.is_in_pool());
            if !is_retired {
                let cookie = flavour.cookie();
                push_reserved(
                    aging_elements,
                    Aging {
                        record: *record,
                        cookie,
                    },
                    findings,
                );
            }
            is_retired
        });
        aging_elements.retain(|aging| {
            let Some(record) = pool.get(aging.record) else {
                return false;
            };
            if !flavour.is_complete(aging.cookie) {
                return true;
            }
            aging.cookie = flavour.cookie();
            let is_old = record.increment_age() >= OLD;
            if is_old {
                record.free();
                push_reserved(free, aging.record, findings);
            }
            !is_old
        });
    }

    /// Publishes a free element and retires the published one.
    fn update(&mut self) {
        let next = self
            .free
            .pop()
            .and_then(|index| Some((index, self.pool.get(index)?)));
        let old = self.pool.get(self.published);
        let (Some((index, new)), Some(old)) = (next, old) else {
            self.run.counters.count(Count::EmptyPool);
            sleep_ms(1);
            return;
        };
        let Some(element) = new.remove() else {
            self.run.findings.note(Finding::ReturnedTwice, 0);
            return;
        };
        new.prepare();
        if self.run.plan.bug != Bug::PlainStore {
            new.initialise();
        }
        push_reserved(&mut self.retired, self.published, &self.run.findings);
        self.published = index;
        self.flavour
            .update(Update { element, new, old }, self.run, &mut self.random);
        self.run.counters.count(Count::Updates);
    }
}

/// Appends to a list that has capacity for all records.
fn push_reserved<T>(list: &mut KVec<T>, record: T, findings: &Findings) {
    if list.push_within_capacity(record).is_err() {
        findings.note(Finding::ReturnedTwice, 0);
    }
}

/// A fake writer thread.
pub(super) fn write_fake<F: Flavour>(run: &Run, flavour: &F) {
    let mut random = Random::new();
    while run.should_continue(&mut random) {
        match flavour.cause_grace_period(run, &mut random) {
            Ok(()) => run.counters.count(Count::FakeUpdates),
            Err(_) => run.counters.count(Count::OutOfMemory),
        }
        sleep_ms(1 + random.below(20));
    }
}
