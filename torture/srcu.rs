// SPDX-License-Identifier: GPL-2.0

//! SRCU under torture: readers that sleep, and each way to end a retired object.

use super::{
    counters::Count,
    findings::Finding,
    flavour::{CountedCallback, Flavour, Update},
    knobs::GpMethod,
    pool::{inject_after_publishing, return_to_pool, Element, Record},
    reader::Reader,
    run::Run,
    writer::poll_for,
};
use crate::{
    kernel_ext::{delay::sleep_ms, random::Random},
    rcu::{
        new_srcu, Polled, Retired, Srcu, SrcuGracePeriod, SrcuPointer, SrcuReader, UniqueRcuBox,
    },
};
use kernel::prelude::*;

#[pin_data]
pub(super) struct SleepablePointer {
    #[pin]
    pointer: SrcuPointer<Element>,
    /// The domain of callbacks without an update.
    #[pin]
    count: SrcuPointer<CountedCallback>,
}

impl SleepablePointer {
    fn read_in<'r>(
        &self,
        section: &SrcuReader<'_, Element>,
        reader: &mut Reader<'r>,
        delay: impl FnOnce(&mut Reader<'r>),
    ) {
        let cookie = SrcuGracePeriod::snapshot(self.pointer.domain());
        reader.observe(section.dereference(), delay);
        // A grace period that began after this section cannot have ended.
        if cookie.is_complete() {
            reader.run.findings.note(Finding::CookieTooEarly, 0);
        }
        reader.counters.count(Count::Cookies);
    }
}

impl Flavour for SleepablePointer {
    type Cookie<'a> = SrcuGracePeriod<'a>;

    fn new(first: UniqueRcuBox<Element>) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            pointer <- SrcuPointer::new(Some(first), new_srcu!("rcu_torture_pointer")),
            count <- SrcuPointer::new(None, new_srcu!("rcu_torture_ticks")),
        })
    }

    fn read(&self, reader: &mut Reader<'_>) {
        let section = self.pointer.read_lock();
        match reader.random.below(64) {
            0 => {
                reader.counters.count(Count::SleepingReads);
                self.read_in(&section, reader, |reader| {
                    reader.delay();
                    sleep_ms(1 + reader.random.below(3));
                });
            }
            1..=8 => {
                let inner = self.pointer.read_lock();
                reader.counters.count(Count::NestedReads);
                self.read_in(&section, reader, |reader| {
                    reader.delay();
                    drop(inner);
                    reader.delay();
                });
            }
            _ => self.read_in(&section, reader, Reader::delay),
        }
    }

    fn read_in_interrupt(&self, reader: &mut Reader<'_>) {
        self.read_in(&self.pointer.read_lock(), reader, |_| {});
    }

    fn update(&self, update: Update<'_>, run: &Run, random: &mut Random) {
        let retired = self.pointer.replace(Some(update.element));
        update.old.retire();
        inject_after_publishing(run.plan.bug, update.new, update.old);
        let ending = run.plan.choose(&ENDINGS, random);
        if let (Some(retired), Some(end)) = (retired, ending) {
            end(RetiredElement {
                retired,
                pointer: self,
                record: update.old,
                run,
            });
        }
    }

    fn unpublish(&self) {
        if let Some(last) = self.pointer.replace(None) {
            return_to_pool(last.synchronize());
        }
    }

    fn cookie(&self) -> SrcuGracePeriod<'_> {
        // Starts a grace period, because possibly no other thread causes one of this domain.
        SrcuGracePeriod::start(self.pointer.domain())
    }

    fn is_complete(&self, cookie: SrcuGracePeriod<'_>) -> bool {
        cookie.is_complete()
    }

    fn cause_grace_period(&self, run: &Run, random: &mut Random) -> Result {
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

    fn queue(&self, callback: UniqueRcuBox<CountedCallback>) {
        self.count.retire(callback).call_srcu();
    }

    fn barrier(&self) {
        self.count.domain().barrier();
    }
}

/// A retired element, with its pointer and its record.
struct RetiredElement<'a> {
    retired: Retired<Element, &'a Srcu>,
    pointer: &'a SleepablePointer,
    record: &'a Record,
    run: &'a Run,
}

/// The ways to end a retired element.
const ENDINGS: [(fn(RetiredElement<'_>), GpMethod); 8] = [
    (synchronize, GpMethod::Sync),
    (synchronize_expedited, GpMethod::Exp),
    (call, GpMethod::Call),
    (drop_retired, GpMethod::Call),
    (queue_work, GpMethod::Work),
    (start_poll, GpMethod::Poll),
    (snapshot, GpMethod::Poll),
    (wait, GpMethod::Cond),
];

fn synchronize(old: RetiredElement<'_>) {
    return_to_pool(old.retired.synchronize());
    old.run.counters.count(Count::GpSync);
}

fn synchronize_expedited(old: RetiredElement<'_>) {
    return_to_pool(old.retired.synchronize_expedited());
    old.run.counters.count(Count::GpExp);
}

fn call(old: RetiredElement<'_>) {
    old.retired.call_srcu();
    old.run.counters.count(Count::GpCall);
}

/// Drops the retired element, which defers its reclaim.
fn drop_retired(old: RetiredElement<'_>) {
    drop(old.retired);
    old.run.counters.count(Count::GpCall);
}

fn queue_work(old: RetiredElement<'_>) {
    old.retired.queue_work();
    old.run.counters.count(Count::GpWork);
}

fn start_poll(old: RetiredElement<'_>) {
    poll_for(old.retired.start_poll(), Polled::try_reclaim, old.run);
}

/// Polls a grace period that other threads cause.
fn snapshot(old: RetiredElement<'_>) {
    let polled = old.retired.snapshot();
    // Starts one in case no other thread does.
    let _ = old.pointer.cookie();
    poll_for(polled, Polled::try_reclaim, old.run);
}

/// Waits unless the cookie is complete: the kernel has no `cond_synchronize_srcu()`.
fn wait(old: RetiredElement<'_>) {
    let polled = old.retired.snapshot();
    if !polled.is_complete() {
        old.pointer.pointer.domain().synchronize();
    }
    old.record.raise_age_to(2);
    match polled.try_reclaim() {
        Ok(element) => return_to_pool(element),
        Err(polled) => {
            old.run.findings.note(Finding::CookieTooLate, 0);
            poll_for(polled, Polled::try_reclaim, old.run);
        }
    }
    old.run.counters.count(Count::GpCond);
}
