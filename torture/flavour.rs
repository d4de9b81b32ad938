// SPDX-License-Identifier: GPL-2.0

//! What RCU and SRCU have in common for a torture run.

use super::{pool::Element, reader::Reader, run::Run, writer::Update};
use crate::{
    kernel_ext::random::Random,
    rcu::{RcuBox, Reclaim, Softirq},
};
use core::sync::atomic::{AtomicU32, Ordering};
use kernel::{prelude::*, sync::Arc};

/// A callback that counts that it has run.
pub(super) struct Tick(pub(super) Arc<Ticks>);

/// How many callbacks have run.
pub(super) struct Ticks(AtomicU32);

impl Ticks {
    pub(super) const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    pub(super) fn get(&self) -> u32 {
        // ORDERING: Acquire: what callbacks have done is done.
        self.0.load(Ordering::Acquire)
    }
}

impl Reclaim for Tick {
    type Context = Softirq;

    fn reclaim(this: RcuBox<Self>) {
        // ORDERING: Release, as above.
        this.0 .0.fetch_add(1, Ordering::Release);
    }
}

/// A pointer that a run tortures, and the grace periods of its readers.
pub(super) trait Flavour: Send + Sync + Sized + 'static {
    /// A cookie that tells whether a grace period has passed since.
    type Cookie<'a>: Copy;

    /// An initialiser for a pointer to `first`.
    fn new(first: RcuBox<Element>) -> impl PinInit<Self, Error>;

    /// One read-side critical section, of a kind that is chosen at random.
    ///
    /// Context: may sleep.
    fn read(&self, reader: &mut Reader<'_>);

    /// One read-side critical section in an interrupt.
    fn read_in_interrupt(&self, reader: &mut Reader<'_>);

    /// Publishes an element, and ends what was published in a way that is chosen at random. That one comes
    /// home to its slot.
    ///
    /// Context: may sleep.
    fn update(&self, update: Update<'_>, run: &Run, random: &mut Random);

    /// Unpublishes what there is and brings it home.
    ///
    /// Context: may sleep.
    fn unpublish(&self);

    fn cookie(&self) -> Self::Cookie<'_>;

    fn is_complete(&self, cookie: Self::Cookie<'_>) -> bool;

    /// Causes a grace period, in a way that is chosen at random, and checks what cookies say of it.
    ///
    /// Context: may sleep.
    fn disturb(&self, run: &Run, random: &mut Random) -> Result;

    /// Queues a callback.
    ///
    /// Context: any but NMI.
    fn queue(&self, tick: RcuBox<Tick>);

    /// Waits for all callbacks that were queued before.
    ///
    /// Context: may sleep.
    fn barrier(&self);
}
