// SPDX-License-Identifier: GPL-2.0

//! Reclaim of the objects that a change has replaced.

use super::{
    fib::{gfp, poison, Fate, Fib, Retirees, MAX_UNLINKED},
    quarantine::{Quarantine, UnlinkedNode},
    segments::Segments,
    settings::{ReclaimMode, Settings},
    stats::Footprint,
    table::yield_after,
};
use crate::rcu::{self, GracePeriod};
use kernel::prelude::*;

/// The settings that apply to one update, read when it began.
#[derive(Clone, Copy)]
pub(super) struct Policy {
    pub(super) mode: ReclaimMode,
    pub(super) quarantine: Option<&'static dyn Quarantine>,
}

impl Policy {
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            mode: settings.reclaim(),
            quarantine: settings.quarantine(),
        }
    }

    /// Calls [`Quarantine::unlinked`] with an object that was just unlinked.
    pub(super) fn report_unlinked(self, object: &Fib) {
        if let Some(quarantine) = self.quarantine {
            object.inspect(|node| quarantine.unlinked(UnlinkedNode(node)));
        }
    }
}

/// The objects of one table that await reclaim, in each mode.
pub(super) struct Reclaim {
    pub(super) retirees: Retirees,
    /// Objects that the current change has unlinked.
    pub(super) unlinked: KVVec<Fib>,
    /// Objects passed to `kvfree_rcu()` since the current grace period was started. RCU does not
    /// report when it frees them, so they count as retired until a grace period ends.
    next: Footprint,
    /// Objects passed to `kvfree_rcu()` before the current grace period.
    waiting: Footprint,
    grace_period: GracePeriod,
}

impl Reclaim {
    /// Creates the state of a table from which nothing was retired.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn new(settings: &Settings) -> Result<Self> {
        Ok(Self {
            retirees: Retirees::new(settings.quarantine())?,
            unlinked: KVVec::with_capacity(MAX_UNLINKED, gfp())?,
            next: Footprint::default(),
            waiting: Footprint::default(),
            grace_period: GracePeriod::completed(),
        })
    }

    /// Allocates the memory that the retirement of `count` objects needs.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn reserve(&mut self, count: usize) -> Result {
        self.unlinked.reserve(count, gfp())?;
        self.retirees.reserve(count)
    }

    /// Retires the objects that the current change has unlinked.
    ///
    /// Context: may sleep; waits for a grace period in some modes.
    pub(super) fn retire(&mut self, policy: Policy) {
        let mut unlinked = core::mem::replace(&mut self.unlinked, KVVec::new());
        self.account_for(policy, unlinked.iter());
        self.reclaim_later(policy, || unlinked.pop());
        self.unlinked = unlinked;
    }

    /// Retires the objects that a transaction has unlinked.
    ///
    /// Context: may sleep; waits for a grace period in some modes.
    pub(super) fn retire_all(&mut self, policy: Policy, mut unlinked: [Segments<Fib>; 2]) {
        self.account_for(policy, unlinked.iter().flat_map(Segments::iter));
        self.reclaim_later(policy, || unlinked.iter_mut().find_map(Segments::pop));
    }

    /// Counts objects as retired.
    fn account_for<'o>(&mut self, policy: Policy, objects: impl Iterator<Item = &'o Fib>) {
        let mut sum = Footprint::default();
        for (number, object) in objects.enumerate() {
            sum.add(object.footprint());
            policy.report_unlinked(object);
            yield_after(number);
        }
        self.retirees.account.retired(sum);
    }

    /// Reclaims retired objects as the policy says.
    fn reclaim_later(&mut self, policy: Policy, mut next: impl FnMut() -> Option<Fib>) {
        let Some(first) = next() else { return };
        let waits = matches!(
            policy.mode,
            ReclaimMode::Synchronize | ReclaimMode::Expedited
        );
        if waits {
            wait(policy.mode);
        }
        let objects = Iterator::chain(core::iter::once(first), core::iter::from_fn(next));
        for (number, object) in objects.enumerate() {
            yield_after(number);
            match policy.mode {
                _ if waits => self.end(object, policy.quarantine),
                ReclaimMode::Kvfree => {
                    self.next.add(object.footprint());
                    object.kvfree_rcu();
                }
                _ if policy.quarantine.is_some() => self.retirees.add(object, Fate::Mark),
                _ => self.retirees.add(object, Fate::Free),
            }
        }
        self.retirees.trim(true);
        if policy.quarantine.is_some() {
            self.retirees.close();
        }
        self.poll();
    }

    /// Reclaims an object that counts as retired and whose grace period has ended.
    fn end(&mut self, object: Fib, quarantine: Option<&dyn Quarantine>) {
        if quarantine.is_some() {
            poison(&object);
            self.retirees.add(object, Fate::Marked);
        } else {
            let footprint = object.footprint();
            object.free();
            self.retirees.account.reclaimed(footprint);
        }
    }

    /// Reclaims an object of a part of the table that was unlinked as a whole. Its grace period has
    /// ended.
    pub(super) fn end_unlinked(&mut self, object: Fib, quarantine: Option<&dyn Quarantine>) {
        if object.is_none() {
            return;
        }
        if quarantine.is_some() {
            self.retirees.account.retired(object.footprint());
            self.end(object, quarantine);
        } else {
            object.free();
        }
    }

    /// Counts objects that `kvfree_rcu()` has as reclaimed, if their grace period has ended.
    pub(super) fn poll(&mut self) {
        if !self.grace_period.is_complete() {
            return;
        }
        self.retirees
            .account
            .reclaimed(core::mem::take(&mut self.waiting));
        if self.next.objects > 0 {
            self.waiting = core::mem::take(&mut self.next);
            self.grace_period = GracePeriod::start();
        }
    }

    /// Queues the callback of the open batch. Returns the footprint of the objects that
    /// `kvfree_rcu()` has; the caller waits for a grace period and counts them as reclaimed.
    pub(super) fn drain(&mut self) -> Footprint {
        self.retirees.close();
        let mut all = core::mem::take(&mut self.waiting);
        all.add(core::mem::take(&mut self.next));
        all
    }
}

/// Waits for a grace period, which is expedited if `mode` is [`ReclaimMode::Expedited`].
pub(super) fn wait(mode: ReclaimMode) {
    match mode {
        ReclaimMode::Expedited => rcu::synchronize_expedited(),
        _ => rcu::synchronize(),
    }
}

/// Waits until all objects retired so far have been reclaimed.
///
/// Context: may sleep; waits for a grace period and for callbacks.
pub(super) fn wait_for_all(policy: Policy) {
    wait(policy.mode);
    rcu::barrier();
    if policy.quarantine.is_some() {
        // The callbacks that marked nodes have queued further ones.
        rcu::barrier();
    }
}
