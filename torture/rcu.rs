// SPDX-License-Identifier: GPL-2.0

//! RCU under torture: each kind of reader, and each way to end a retired object.

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
        self, read_lock, FullGracePeriod, GracePeriod, Overlap, Polled, Rcu, ReadSide, Reclaim,
        Retired, Softirq, UniqueRcuBox,
    },
};
use kernel::{new_spinlock, prelude::*, sync::SpinLock};

/// An object without a destructor. Its second field is the complement of the first until it is
/// freed.
struct Canary {
    value: u64,
    complement: u64,
}

impl Reclaim for Canary {
    type Context = Softirq;
}

impl Canary {
    fn new(value: u64) -> Self {
        Self {
            value,
            complement: !value,
        }
    }

    fn is_intact(&self) -> bool {
        self.value == !self.complement
    }
}

#[pin_data]
pub(super) struct Pointer {
    pointer: Rcu<Element>,
    canary: Rcu<Canary>,
    /// Readers hold it instead of the RCU read-side lock.
    #[pin]
    lock: SpinLock<()>,
}

impl Pointer {
    /// Reads the pointer inside `section` and checks cookies against it.
    fn read_in<'r, S: ReadSide>(
        &self,
        section: &S,
        reader: &mut Reader<'r>,
        delay: impl FnOnce(&mut Reader<'r>),
    ) {
        let cookie = GracePeriod::snapshot();
        let full = FullGracePeriod::snapshot();
        let canary = self.canary.dereference(section);
        reader.observe(self.pointer.dereference(section), delay);
        if canary.is_some_and(|canary| !canary.is_intact()) {
            reader.run.findings.note(Finding::CanaryFreed, 0);
        }
        // A grace period that began after this section cannot have ended.
        if cookie.is_complete() || full.is_complete() {
            reader.run.findings.note(Finding::CookieTooEarly, 0);
        }
        reader.counters.count(Count::Cookies);
    }
}

impl Flavour for Pointer {
    type Cookie<'a> = GracePeriod;

    fn new(first: UniqueRcuBox<Element>) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            pointer: Rcu::new(first),
            canary: Rcu::new(UniqueRcuBox::new(Canary::new(0), GFP_KERNEL)?),
            lock <- new_spinlock!((), "rcu_torture_reader"),
        })
    }

    fn read(&self, reader: &mut Reader<'_>) {
        match reader.random.below(8) {
            0 => {
                let outer = read_lock();
                let inner = read_lock();
                reader.counters.count(Count::NestedReads);
                self.read_in(&outer, reader, |reader| {
                    reader.delay();
                    drop(inner);
                    reader.delay();
                });
            }
            1 => {
                let section = Overlap::new();
                reader.counters.count(Count::OverlappingReads);
                self.read_in(&section, reader, |reader| {
                    for _ in 0..1 + reader.random.below(3) {
                        section.lock(&self.lock);
                        reader.delay();
                        section.read_lock();
                        reader.delay();
                    }
                });
            }
            2 => {
                let held = self.lock.lock();
                reader.counters.count(Count::SpinLockReads);
                self.read_in(&held, reader, Reader::delay);
            }
            _ => rcu::read(|section| self.read_in(section, reader, Reader::delay)),
        }
    }

    fn read_in_interrupt(&self, reader: &mut Reader<'_>) {
        self.read_in(&read_lock(), reader, |_| {});
    }

    fn update(&self, update: Update<'_>, run: &Run, random: &mut Random) {
        let retired = self.pointer.replace(Some(update.element));
        update.old.retire();
        inject_after_publishing(run.plan.bug, update.new, update.old);
        let ending = run.plan.choose(&ENDINGS, random);
        if let (Some(retired), Some(end)) = (retired, ending) {
            let record = update.old;
            end(RetiredElement {
                retired,
                record,
                run,
            });
        }
    }

    fn unpublish(&self) {
        if let Some(last) = self.pointer.replace(None) {
            return_to_pool(last.synchronize());
        }
    }

    fn cookie(&self) -> GracePeriod {
        GracePeriod::snapshot()
    }

    fn is_complete(&self, cookie: GracePeriod) -> bool {
        cookie.is_complete()
    }

    fn cause_grace_period(&self, run: &Run, random: &mut Random) -> Result {
        match random.below(5) {
            0 => {
                let cookie = GracePeriod::snapshot();
                expect_complete(run, rcu::synchronize);
                // A small cookie can miss the first grace period if an expedited one intervenes.
                rcu::synchronize();
                if !cookie.is_complete() {
                    run.findings.note(Finding::CookieTooLate, 0);
                }
            }
            1 => expect_complete(run, rcu::synchronize_expedited),
            2 => FullGracePeriod::start().wait(),
            3 => GracePeriod::start_expedited().wait_expedited(),
            _ => {
                let canary = Canary::new(random.below(u32::MAX).into());
                let new = UniqueRcuBox::new(canary, GFP_KERNEL)?;
                if let Some(old) = self.canary.replace(Some(new)) {
                    old.kvfree_rcu();
                    run.counters.count(Count::GpKvfree);
                }
            }
        }
        Ok(())
    }

    fn queue(&self, callback: UniqueRcuBox<CountedCallback>) {
        callback.retire().call_rcu();
    }

    fn barrier(&self) {
        rcu::barrier();
    }
}

/// Checks that a cookie is complete after `wait` has waited for a grace period.
fn expect_complete(run: &Run, wait: fn()) {
    let cookie = FullGracePeriod::snapshot();
    wait();
    run.counters.count(Count::Cookies);
    if !cookie.is_complete() {
        run.findings.note(Finding::CookieTooLate, 0);
    }
}

/// A retired element, with its record.
struct RetiredElement<'a> {
    retired: Retired<Element>,
    record: &'a Record,
    run: &'a Run,
}

/// The ways to end a retired element.
const ENDINGS: [(fn(RetiredElement<'_>), GpMethod); 13] = [
    (synchronize, GpMethod::Sync),
    (synchronize_expedited, GpMethod::Exp),
    (call, GpMethod::Call),
    (drop_retired, GpMethod::Call),
    (queue_work, GpMethod::Work),
    (start_poll, GpMethod::Poll),
    (start_poll_expedited, GpMethod::Poll),
    (start_poll_full, GpMethod::Poll),
    (start_poll_expedited_full, GpMethod::Poll),
    (snapshot, GpMethod::Poll),
    (wait, GpMethod::Cond),
    (wait_expedited, GpMethod::Cond),
    (wait_full, GpMethod::Cond),
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
    old.retired.call_rcu();
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

fn start_poll_expedited(old: RetiredElement<'_>) {
    poll_for(
        old.retired.start_poll_expedited(),
        Polled::try_reclaim,
        old.run,
    );
}

/// Polls a grace period that other threads cause.
fn snapshot(old: RetiredElement<'_>) {
    let polled = old.retired.snapshot();
    // Starts one in case no other thread does.
    let _ = GracePeriod::start();
    poll_for(polled, Polled::try_reclaim, old.run);
}

fn start_poll_full(old: RetiredElement<'_>) {
    poll_for_full(FullGracePeriod::start(), old);
}

fn start_poll_expedited_full(old: RetiredElement<'_>) {
    poll_for_full(FullGracePeriod::start_expedited(), old);
}

/// Polls the full cookie first; the small one returns the element.
fn poll_for_full(cookie: FullGracePeriod, old: RetiredElement<'_>) {
    let polled = old.retired.snapshot();
    while !cookie.is_complete() {
        sleep_ms(1);
    }
    old.record.raise_age_to(2);
    return_to_pool(polled.wait());
    old.run.counters.count(Count::GpPoll);
}

fn wait(old: RetiredElement<'_>) {
    return_to_pool(old.retired.snapshot().wait());
    old.run.counters.count(Count::GpCond);
}

fn wait_expedited(old: RetiredElement<'_>) {
    let polled = old.retired.snapshot();
    GracePeriod::snapshot().wait_expedited();
    old.record.raise_age_to(2);
    return_to_pool(polled.wait());
    old.run.counters.count(Count::GpCond);
}

fn wait_full(old: RetiredElement<'_>) {
    let polled = old.retired.snapshot();
    FullGracePeriod::snapshot().wait();
    old.record.raise_age_to(2);
    return_to_pool(polled.wait());
    old.run.counters.count(Count::GpCond);
}
