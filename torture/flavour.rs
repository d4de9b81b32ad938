// SPDX-License-Identifier: GPL-2.0

//! The interface of RCU and SRCU for a torture run.

use super::{
    pool::{Element, Record},
    reader::Reader,
    run::Run,
};
use crate::{
    kernel_ext::random::Random,
    rcu::{Reclaim, Softirq, UniqueRcuBox},
};
use core::sync::atomic::{AtomicU32, Ordering};
use kernel::{prelude::*, sync::Arc};

/// An object whose callback increments a count.
pub(super) struct CountedCallback(pub(super) Arc<CallbackCount>);

/// The number of callbacks that have run.
pub(super) struct CallbackCount(AtomicU32);

impl CallbackCount {
    pub(super) const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    pub(super) fn get(&self) -> u32 {
        // ORDERING: Acquire pairs with the release in `reclaim()`: the callbacks' effects are
        // visible.
        self.0.load(Ordering::Acquire)
    }
}

impl Reclaim for CountedCallback {
    type Context = Softirq;
    const RECLAIM: Option<fn(UniqueRcuBox<Self>)> = Some(Self::reclaim);
}

impl CountedCallback {
    fn reclaim(this: UniqueRcuBox<Self>) {
        // ORDERING: Release pairs with the acquire in `get()`.
        this.0 .0.fetch_add(1, Ordering::Release);
    }
}

/// An element to publish, its record, and the record of the published element.
pub(super) struct Update<'a> {
    pub(super) element: UniqueRcuBox<Element>,
    pub(super) new: &'a Record,
    pub(super) old: &'a Record,
}

/// A tortured pointer, with the grace periods of its readers.
pub(super) trait Flavour: Send + Sync + Sized + 'static {
    /// A cookie of a polled grace period.
    type Cookie<'a>: Copy;

    /// Returns an initialiser for a pointer to `first`.
    fn new(first: UniqueRcuBox<Element>) -> impl PinInit<Self, Error>;

    /// Runs one read-side critical section of a random kind.
    ///
    /// Context: may sleep.
    fn read(&self, reader: &mut Reader<'_>);

    /// Runs one read-side critical section in an interrupt handler.
    fn read_in_interrupt(&self, reader: &mut Reader<'_>);

    /// Publishes an element and retires the old one by a random method. The old one returns to the
    /// pool.
    ///
    /// Context: may sleep.
    fn update(&self, update: Update<'_>, run: &Run, random: &mut Random);

    /// Unpublishes the current element and returns it to the pool.
    ///
    /// Context: may sleep.
    fn unpublish(&self);

    fn cookie(&self) -> Self::Cookie<'_>;

    fn is_complete(&self, cookie: Self::Cookie<'_>) -> bool;

    /// Causes a grace period by a random method, and checks cookies against it.
    ///
    /// Context: may sleep.
    fn cause_grace_period(&self, run: &Run, random: &mut Random) -> Result;

    /// Queues a callback.
    ///
    /// Context: any but NMI.
    fn queue(&self, callback: UniqueRcuBox<CountedCallback>);

    /// Waits for all callbacks queued earlier.
    ///
    /// Context: may sleep.
    fn barrier(&self);
}
