// SPDX-License-Identifier: GPL-2.0

//! RCU under torture: every way to read, and every way to end a retired object.

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
    rcu::{
        self, read_lock, FullGracePeriod, GracePeriod, Overlap, Polled, Rcu, RcuBox, ReadSide,
        Reclaim, Retired, Softirq,
    },
};
use kernel::{new_spinlock, prelude::*, sync::SpinLock};

/// An object without a destructor, whose two halves fit together until it is freed.
struct Canary {
    song: u64,
    echo: u64,
}

impl Reclaim for Canary {
    type Context = Softirq;
}

impl Canary {
    fn new(song: u64) -> Self {
        Self { song, echo: !song }
    }

    fn is_alive(&self) -> bool {
        self.song == !self.echo
    }
}

#[pin_data]
pub(super) struct Pointer {
    pointer: Rcu<Element>,
    canary: Rcu<Canary>,
    /// Readers hold it to have preemption off.
    #[pin]
    lock: SpinLock<()>,
}

impl Pointer {
    /// What a reader does in any kind of section.
    fn look<'r, S: ReadSide>(
        &self,
        section: &S,
        reader: &mut Reader<'r>,
        stay: impl FnOnce(&mut Reader<'r>),
    ) {
        let cookie = GracePeriod::snapshot();
        let full = FullGracePeriod::snapshot();
        let canary = self.canary.dereference(section);
        reader.observe(self.pointer.dereference(section), stay);
        if canary.is_some_and(|canary| !canary.is_alive()) {
            reader.run.findings.note(Finding::CanaryDead, 0);
        }
        // Grace periods that began after this section cannot have ended.
        if cookie.is_complete() || full.is_complete() {
            reader.run.findings.note(Finding::CookieTooEarly, 0);
        }
        reader.counters.count(Count::Cookies);
    }
}

impl Flavour for Pointer {
    type Cookie<'a> = GracePeriod;

    fn new(first: RcuBox<Element>) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            pointer: Rcu::new(first),
            canary: Rcu::new(RcuBox::new(Canary::new(0), GFP_KERNEL)?),
            lock <- new_spinlock!((), "rcu_torture_reader"),
        })
    }

    fn read(&self, reader: &mut Reader<'_>) {
        match reader.random.below(8) {
            0 => {
                let outer = read_lock();
                let inner = read_lock();
                reader.counters.count(Count::NestedReads);
                self.look(&outer, reader, |reader| {
                    reader.stay();
                    drop(inner);
                    reader.stay();
                });
            }
            1 => {
                let section = Overlap::new();
                reader.counters.count(Count::OverlappingReads);
                self.look(&section, reader, |reader| {
                    for _ in 0..1 + reader.random.below(3) {
                        section.lock(&self.lock);
                        reader.stay();
                        section.read_lock();
                        reader.stay();
                    }
                });
            }
            2 => {
                let held = self.lock.lock();
                reader.counters.count(Count::PreemptOffReads);
                self.look(&held, reader, Reader::stay);
            }
            _ => rcu::read(|section| self.look(section, reader, Reader::stay)),
        }
    }

    fn read_in_interrupt(&self, reader: &mut Reader<'_>) {
        self.look(&read_lock(), reader, |_| {});
    }

    fn update(&self, update: Update<'_>, run: &Run, random: &mut Random) {
        let retired = self.pointer.replace(Some(update.element));
        update.old.retire();
        bug::after_publishing(run.plan.bug, update.new, update.old);
        let ending = run.plan.choose(&ENDINGS, random);
        if let (Some(retired), Some(end)) = (retired, ending) {
            let slot = update.old;
            end(Old { retired, slot, run });
        }
    }

    fn unpublish(&self) {
        if let Some(last) = self.pointer.replace(None) {
            come_home(last.synchronize());
        }
    }

    fn cookie(&self) -> GracePeriod {
        GracePeriod::snapshot()
    }

    fn is_complete(&self, cookie: GracePeriod) -> bool {
        cookie.is_complete()
    }

    fn disturb(&self, run: &Run, random: &mut Random) -> Result {
        match random.below(5) {
            0 => {
                let cookie = GracePeriod::snapshot();
                expect_complete(run, rcu::synchronize);
                // A small cookie may miss the first, when expedited ones come between.
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
                let new = RcuBox::new(canary, GFP_KERNEL)?;
                if let Some(old) = self.canary.replace(Some(new)) {
                    old.kvfree_rcu();
                    run.counters.count(Count::GpKvfree);
                }
            }
        }
        Ok(())
    }

    fn queue(&self, tick: RcuBox<Tick>) {
        tick.retire().call_rcu();
    }

    fn barrier(&self) {
        rcu::barrier();
    }
}

/// A cookie of before a grace period knows of it afterwards.
fn expect_complete(run: &Run, wait: fn()) {
    let cookie = FullGracePeriod::snapshot();
    wait();
    run.counters.count(Count::Cookies);
    if !cookie.is_complete() {
        run.findings.note(Finding::CookieTooLate, 0);
    }
}

/// A retired element, and its slot.
struct Old<'a> {
    retired: Retired<Element>,
    slot: &'a Slot,
    run: &'a Run,
}

/// How it can end.
const ENDINGS: [(fn(Old<'_>), GpMethod); 13] = [
    (synchronize, GpMethod::Sync),
    (synchronize_expedited, GpMethod::Exp),
    (call, GpMethod::Call),
    (forget, GpMethod::Call),
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

fn synchronize(old: Old<'_>) {
    come_home(old.retired.synchronize());
    old.run.counters.count(Count::GpSync);
}

fn synchronize_expedited(old: Old<'_>) {
    come_home(old.retired.synchronize_expedited());
    old.run.counters.count(Count::GpExp);
}

fn call(old: Old<'_>) {
    old.retired.call_rcu();
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
    poll_for(old.retired.start_poll(), Polled::try_reclaim, old.run);
}

fn start_poll_expedited(old: Old<'_>) {
    poll_for(
        old.retired.start_poll_expedited(),
        Polled::try_reclaim,
        old.run,
    );
}

/// The grace period is one that others cause.
fn snapshot(old: Old<'_>) {
    let polled = old.retired.snapshot();
    // In case that there are no others.
    let _ = GracePeriod::start();
    poll_for(polled, Polled::try_reclaim, old.run);
}

fn start_poll_full(old: Old<'_>) {
    poll_for_full(FullGracePeriod::start(), old);
}

fn start_poll_expedited_full(old: Old<'_>) {
    poll_for_full(FullGracePeriod::start_expedited(), old);
}

/// The large cookie tells first; the small one gives the element back.
fn poll_for_full(cookie: FullGracePeriod, old: Old<'_>) {
    let polled = old.retired.snapshot();
    while !cookie.is_complete() {
        sleep_ms(1);
    }
    old.slot.grow_old_to(2);
    come_home(polled.wait());
    old.run.counters.count(Count::GpPoll);
}

fn wait(old: Old<'_>) {
    come_home(old.retired.snapshot().wait());
    old.run.counters.count(Count::GpCond);
}

fn wait_expedited(old: Old<'_>) {
    let polled = old.retired.snapshot();
    GracePeriod::snapshot().wait_expedited();
    old.slot.grow_old_to(2);
    come_home(polled.wait());
    old.run.counters.count(Count::GpCond);
}

fn wait_full(old: Old<'_>) {
    let polled = old.retired.snapshot();
    FullGracePeriod::snapshot().wait();
    old.slot.grow_old_to(2);
    come_home(polled.wait());
    old.run.counters.count(Count::GpCond);
}
