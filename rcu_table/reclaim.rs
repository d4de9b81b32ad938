// SPDX-License-Identifier: GPL-2.0

//! What becomes of the nodes that a change has replaced.

use super::{
    node::{Condemned, Doomed, Exclusive, Node},
    settings::{ReclaimMode, Settings},
    stats::{self, Footprint},
};
use crate::rcu::{self, GracePeriod, RcuBox, Reclaim, Retired, Softirq};

/// Nodes handed to `kvfree_rcu()`, which does not say when it has freed them: they count as retired
/// until a grace period has ended, after which the kernel frees them soon.
pub(super) struct Ledger {
    /// Handed over since `waiting` was closed.
    leaving: Footprint,
    /// Waiting for the grace period.
    waiting: Footprint,
    grace_period: GracePeriod,
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self {
            leaving: Footprint::default(),
            waiting: Footprint::default(),
            grace_period: GracePeriod::completed(),
        }
    }

    fn add(&mut self, footprint: Footprint) {
        self.leaving.add(footprint);
        self.poll();
    }

    /// Takes note of a grace period that has ended.
    pub(super) fn poll(&mut self) {
        if !self.grace_period.is_complete() {
            return;
        }
        stats::reclaimed(core::mem::take(&mut self.waiting));
        if self.leaving.objects > 0 {
            self.waiting = core::mem::take(&mut self.leaving);
            self.grace_period = GracePeriod::start();
        }
    }

    /// All that waits, for who will wait for a grace period.
    pub(super) fn take(&mut self) -> Footprint {
        let mut all = core::mem::take(&mut self.waiting);
        all.add(core::mem::take(&mut self.leaving));
        all
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        let all = self.take();
        if all.objects > 0 {
            rcu::synchronize();
            stats::reclaimed(all);
        }
    }
}

/// Waits for a grace period in the way that was chosen.
pub(super) fn wait(mode: ReclaimMode) {
    match mode {
        ReclaimMode::Expedited => rcu::synchronize_expedited(),
        _ => rcu::synchronize(),
    }
}

/// Waits for the readers of an object and gives it back.
pub(super) fn get_back<T: Reclaim>(retired: Retired<T>, mode: ReclaimMode) -> RcuBox<T> {
    match mode {
        ReclaimMode::Expedited => retired.synchronize_expedited(),
        _ => retired.synchronize(),
    }
}

/// Has an object go that was not accounted for.
pub(super) fn let_go<T: Reclaim<Context = Softirq>>(retired: Retired<T>, mode: ReclaimMode) {
    match mode {
        ReclaimMode::Synchronize | ReclaimMode::Expedited => drop(get_back(retired, mode)),
        ReclaimMode::Call => retired.call_rcu(),
        ReclaimMode::Kvfree => retired.kvfree_rcu(),
    }
}

fn retire_one(
    retired: Retired<Node>,
    footprint: Footprint,
    mode: ReclaimMode,
    ledger: &mut Ledger,
) {
    stats::retired(footprint);
    match mode {
        ReclaimMode::Kvfree => {
            retired.kvfree_rcu();
            ledger.add(footprint);
        }
        _ => retired.call_rcu(),
    }
}

/// Retires the nodes that a change has unlinked.
///
/// Context: may sleep; waits for a grace period in some modes.
pub(super) fn settle(
    doomed: &mut Doomed,
    exclusive: &mut Exclusive,
    mode: ReclaimMode,
    ledger: &mut Ledger,
) {
    if doomed.is_empty() {
        return;
    }
    match mode {
        ReclaimMode::Call | ReclaimMode::Kvfree => doomed.retire(exclusive, |node, footprint| {
            retire_one(node, footprint, mode, ledger);
        }),
        ReclaimMode::Synchronize | ReclaimMode::Expedited => {
            let footprint = doomed.footprint();
            stats::retired(footprint);
            wait(mode);
            doomed.free(exclusive);
            stats::reclaimed(footprint);
        }
    }
}

/// The same for the nodes that a transaction has replaced.
pub(super) fn settle_condemned(
    condemned: Condemned,
    exclusive: &mut Exclusive,
    mode: ReclaimMode,
    ledger: &mut Ledger,
) {
    match mode {
        ReclaimMode::Call | ReclaimMode::Kvfree => {
            condemned.retire(exclusive, |node, footprint| {
                retire_one(node, footprint, mode, ledger);
            })
        }
        ReclaimMode::Synchronize | ReclaimMode::Expedited => {
            let footprint = condemned.footprint();
            stats::retired(footprint);
            wait(mode);
            condemned.free(exclusive);
            stats::reclaimed(footprint);
        }
    }
}

/// Whether more waits to be reclaimed than may.
pub(super) fn is_over(settings: &Settings) -> bool {
    stats::retired_bytes() > settings.reclaim_max_kb() as usize * 1024
}

/// Waits until what was retired before has been reclaimed; `handed_over` comes from [`Ledger::take`].
///
/// Context: may sleep; waits for a grace period and for callbacks.
pub(super) fn catch_up(mode: ReclaimMode, handed_over: Footprint) {
    wait(mode);
    stats::reclaimed(handed_over);
    rcu::barrier();
}
