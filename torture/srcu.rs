// SPDX-License-Identifier: GPL-2.0

//! SRCU under torture: readers that sleep, and every way to end a retired object.

use super::{
    bug,
    counters::Count,
    findings::Finding,
    flavour::{Flavour, Tick},
    knobs::GpMethod,
    pool::{come_home, Element, Slot},
    reader::Reader,
    run::Run,
    writer::{poll_for, Update},
};
use crate::{
    kernel_ext::{delay::sleep_ms, random::Random},
    rcu::{new_srcu, RcuBox, SrcuGracePeriod, SrcuPointer, SrcuPolled, SrcuReader, SrcuRetired},
};
use kernel::prelude::*;

#[pin_data]
pub(super) struct SleepablePointer {
    #[pin]
    pointer: SrcuPointer<Element>,
    /// For callbacks that belong to no update.
    #[pin]
    ticks: SrcuPointer<Tick>,
}

impl SleepablePointer {
    fn look<'r>(
        &self,
        section: &SrcuReader<'_, Element>,
        reader: &mut Reader<'r>,
        stay: impl FnOnce(&mut Reader<'r>),
    ) {
        let cookie = SrcuGracePeriod::snapshot(self.pointer.domain());
        reader.observe(section.dereference(), stay);
        // A grace period that began after this section cannot have ended.
        if cookie.is_complete() {
            reader.run.findings.note(Finding::CookieTooEarly, 0);
        }
        reader.counters.count(Count::Cookies);
    }
}

impl Flavour for SleepablePointer {
    type Cookie<'a> = SrcuGracePeriod<'a>;

    fn new(first: RcuBox<Element>) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            pointer <- SrcuPointer::new(Some(first), new_srcu!("rcu_torture_pointer")),
            ticks <- SrcuPointer::new(None, new_srcu!("rcu_torture_ticks")),
        })
    }

    fn read(&self, reader: &mut Reader<'_>) {
        let section = self.pointer.read_lock();
        match reader.random.below(64) {
            0 => {
                reader.counters.count(Count::SleepingReads);
                self.look(&section, reader, |reader| {
                    reader.stay();
                    sleep_ms(1 + reader.random.below(3));
                });
            }
            1..=8 => {
                let inner = self.pointer.read_lock();
                reader.counters.count(Count::NestedReads);
                self.look(&section, reader, |reader| {
                    reader.stay();
                    drop(inner);
                    reader.stay();
                });
            }
            _ => self.look(&section, reader, Reader::stay),
        }
    }

    fn read_in_interrupt(&self, reader: &mut Reader<'_>) {
        self.look(&self.pointer.read_lock(), reader, |_| {});
    }

    fn update(&self, update: Update<'_>, run: &Run, random: &mut Random) {
        let retired = self.pointer.replace(Some(update.element));
        update.old.retire();
        bug::after_publishing(run.plan.bug, update.new, update.old);
        let ending = run.plan.choose(&ENDINGS, random);
        if let (Some(retired), Some(end)) = (retired, ending) {
            end(Old {
                retired,
                pointer: self,
                slot: update.old,
                run,
            });
        }
    }

    fn unpublish(&self) {
        if let Some(last) = self.pointer.replace(None) {
            come_home(last.synchronize());
        }
    }

    fn cookie(&self) -> SrcuGracePeriod<'_> {
        // Nobody else may cause one.
        SrcuGracePeriod::start(self.pointer.domain())
    }

    fn is_complete(&self, cookie: SrcuGracePeriod<'_>) -> bool {
        cookie.is_complete()
    }

    fn disturb(&self, run: &Run, random: &mut Random) -> Result {
        let domain = self.pointer.domain();
        let cookie = SrcuGracePeriod::snapshot(domain);
        match random.below(2) {
            0 => domain.synchronize(),
            _ => domain.synchronize_expedited(),
        }
        run.counters.count(Count::Cookies);
        if !cookie.is_complete() {
            run.findings.note(Finding::CookieTooLate, 0);
        }
        Ok(())
    }

    fn queue(&self, tick: RcuBox<Tick>) {
        self.ticks.retire(tick).call_srcu();
    }

    fn barrier(&self) {
        self.ticks.domain().barrier();
    }
}

/// A retired element, where it was published, and its slot.
struct Old<'a> {
    retired: SrcuRetired<'a, Element>,
    pointer: &'a SleepablePointer,
    slot: &'a Slot,
    run: &'a Run,
}

/// How it can end.
const ENDINGS: [(fn(Old<'_>), GpMethod); 8] = [
    (synchronize, GpMethod::Sync),
    (synchronize_expedited, GpMethod::Exp),
    (call, GpMethod::Call),
    (forget, GpMethod::Call),
    (queue_work, GpMethod::Work),
    (start_poll, GpMethod::Poll),
    (snapshot, GpMethod::Poll),
    (wait, GpMethod::Cond),
];

fn synchronize(old: Old<'_>) {
    come_home(old.retired.synchronize());
    old.run.counters.count(Count::GpSync);
}

fn synchronize_expedited(old: Old<'_>) {
    come_home(old.retired.synchronize_expedited());
    old.run.counters.count(Count::GpExp);
}

fn call(old: Old<'_>) {
    old.retired.call_srcu();
    old.run.counters.count(Count::GpCall);
}

/// Dropped without a choice.
fn forget(old: Old<'_>) {
    drop(old.retired);
    old.run.counters.count(Count::GpCall);
}

fn queue_work(old: Old<'_>) {
    old.retired.queue_work();
    old.run.counters.count(Count::GpWork);
}

fn start_poll(old: Old<'_>) {
    poll_for(old.retired.start_poll(), SrcuPolled::try_reclaim, old.run);
}

/// The grace period is one that others cause.
fn snapshot(old: Old<'_>) {
    let polled = old.retired.snapshot();
    // In case that there are no others.
    let _ = old.pointer.cookie();
    poll_for(polled, SrcuPolled::try_reclaim, old.run);
}

/// There is no `cond_synchronize_srcu()`: as its caller would do without.
fn wait(old: Old<'_>) {
    let polled = old.retired.snapshot();
    if !polled.is_complete() {
        old.pointer.pointer.domain().synchronize();
    }
    old.slot.grow_old_to(2);
    match polled.try_reclaim() {
        Ok(element) => come_home(element),
        Err(polled) => {
            old.run.findings.note(Finding::CookieTooLate, 0);
            poll_for(polled, SrcuPolled::try_reclaim, old.run);
        }
    }
    old.run.counters.count(Count::GpCond);
}
