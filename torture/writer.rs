// SPDX-License-Identifier: GPL-2.0

//! Writers: the one that replaces elements, and those that only cause grace periods.

use super::{
    bug::Bug,
    counters::Count,
    findings::{Finding, Findings},
    flavour::Flavour,
    pool::{come_home, Element, Pool, Slot, OLD},
    run::Run,
};
use crate::{
    kernel_ext::{delay::sleep_ms, random::Random},
    rcu::RcuBox,
};
use kernel::prelude::*;

/// Asks again and again, with pauses, for an element whose grace period is polled, and brings it home.
///
/// Context: may sleep.
pub(super) fn poll_for<P>(
    mut polled: P,
    try_reclaim: impl Fn(P) -> Result<RcuBox<Element>, P>,
    run: &Run,
) {
    loop {
        match try_reclaim(polled) {
            Ok(element) => break come_home(element),
            Err(again) => polled = again,
        }
        sleep_ms(1);
    }
    run.counters.count(Count::GpPoll);
}

/// What has come home and grows old there, before it is used again.
struct Aging<C> {
    slot: usize,
    cookie: C,
}

/// An element to publish, its slot, and the slot of what is published.
pub(super) struct Update<'a> {
    pub(super) element: RcuBox<Element>,
    pub(super) new: &'a Slot,
    pub(super) old: &'a Slot,
}

struct Writer<'a, F: Flavour> {
    run: &'a Run,
    flavour: &'a F,
    pool: &'a Pool,
    random: Random,
    /// The slot of what is published.
    published: usize,
    /// Slots of elements that are retired and not home yet.
    away: KVec<usize>,
    limbo: KVec<Aging<F::Cookie<'a>>>,
    free: KVec<usize>,
    /// A grace period to be counted when it has ended.
    grace_period: F::Cookie<'a>,
}

/// What the writer's thread does, with element 0 published and all others free.
pub(super) fn write<F: Flavour>(run: &Run, flavour: &F, pool: &Pool) -> Result {
    let mut writer = Writer {
        run,
        flavour,
        pool,
        random: Random::new(),
        published: 0,
        away: KVec::with_capacity(pool.len(), GFP_KERNEL)?,
        limbo: KVec::with_capacity(pool.len(), GFP_KERNEL)?,
        free: KVec::with_capacity(pool.len(), GFP_KERNEL)?,
        grace_period: flavour.cookie(),
    };
    for slot in 1..pool.len() {
        writer.free.push(slot, GFP_KERNEL)?;
    }
    while run.goes_on(&mut writer.random) {
        writer.age();
        writer.update();
        if writer.random.one_in(8) {
            sleep_ms(1 + writer.random.below(10));
        }
    }
    Ok(())
}

impl<'a, F: Flavour> Writer<'a, F> {
    /// Takes note of who has come home and of grace periods that have passed since.
    fn age(&mut self) {
        let (flavour, pool, findings) = (self.flavour, self.pool, &self.run.findings);
        if flavour.is_complete(self.grace_period) {
            self.run.counters.count(Count::GracePeriods);
            self.grace_period = flavour.cookie();
        }
        let (limbo, free) = (&mut self.limbo, &mut self.free);
        self.away.retain(|slot| {
            let is_away = !pool.get(*slot).is_some_and(|slot| slot.is_home());
            if !is_away {
                let cookie = flavour.cookie();
                put(
                    limbo,
                    Aging {
                        slot: *slot,
                        cookie,
                    },
                    findings,
                );
            }
            is_away
        });
        limbo.retain(|aging| {
            let Some(slot) = pool.get(aging.slot) else {
                return false;
            };
            if !flavour.is_complete(aging.cookie) {
                return true;
            }
            aging.cookie = flavour.cookie();
            let is_old = slot.grow_older() >= OLD;
            if is_old {
                slot.free();
                put(free, aging.slot, findings);
            }
            !is_old
        });
    }

    /// Publishes another element.
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
        let Some(element) = new.take() else {
            self.run.findings.note(Finding::NotHome, 0);
            return;
        };
        new.prepare();
        if self.run.plan.bug != Bug::PlainStore {
            new.initialise();
        }
        put(&mut self.away, self.published, &self.run.findings);
        self.published = index;
        self.flavour
            .update(Update { element, new, old }, self.run, &mut self.random);
        self.run.counters.count(Count::Updates);
    }
}

/// There is room for every slot in each list, so that none is lost.
fn put<T>(list: &mut KVec<T>, slot: T, findings: &Findings) {
    if list.push_within_capacity(slot).is_err() {
        findings.note(Finding::NotHome, 0);
    }
}

/// What a fake writer's thread does.
pub(super) fn disturb<F: Flavour>(run: &Run, flavour: &F) {
    let mut random = Random::new();
    while run.goes_on(&mut random) {
        match flavour.disturb(run, &mut random) {
            Ok(()) => run.counters.count(Count::FakeUpdates),
            Err(_) => run.counters.count(Count::OutOfMemory),
        }
        sleep_ms(1 + random.below(20));
    }
}
