// SPDX-License-Identifier: GPL-2.0

//! Reclaim of the nodes that a change has replaced.

use super::{
    node::{Exclusive, Replaced, Tree, Unlinked},
    quarantine::{Quarantine, QuarantinedNode, UnlinkedNode},
    settings::{ReclaimMode, Settings},
    stats::{self, Footprint},
};
use crate::rcu::{self, GracePeriod, Reclaim, Retired, Softirq, UniqueRcuBox};

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

    /// Returns whether the updater waits for the grace period.
    fn waits(self) -> bool {
        matches!(self.mode, ReclaimMode::Synchronize | ReclaimMode::Expedited)
    }
}

/// Counts the nodes handed to `kvfree_rcu()`, which does not report when it frees them.
///
/// They count as retired until a grace period ends; the kernel frees them soon after that.
pub(super) struct KvfreeLedger {
    /// Handed over since the current grace period was started.
    next: Footprint,
    /// Waiting for the current grace period.
    waiting: Footprint,
    grace_period: GracePeriod,
}

impl KvfreeLedger {
    pub(super) fn new() -> Self {
        Self {
            next: Footprint::default(),
            waiting: Footprint::default(),
            grace_period: GracePeriod::completed(),
        }
    }

    fn add(&mut self, footprint: Footprint) {
        self.next.add(footprint);
        self.poll();
    }

    /// Counts nodes as reclaimed if their grace period has ended.
    pub(super) fn poll(&mut self) {
        if !self.grace_period.is_complete() {
            return;
        }
        stats::reclaimed(core::mem::take(&mut self.waiting));
        if self.next.objects > 0 {
            self.waiting = core::mem::take(&mut self.next);
            self.grace_period = GracePeriod::start();
        }
    }

    /// Empties the ledger. The caller waits for a grace period and counts the nodes as reclaimed.
    pub(super) fn drain(&mut self) -> Footprint {
        let mut all = core::mem::take(&mut self.waiting);
        all.add(core::mem::take(&mut self.next));
        all
    }
}

impl Drop for KvfreeLedger {
    fn drop(&mut self) {
        let all = self.drain();
        if all.objects > 0 {
            rcu::synchronize();
            stats::reclaimed(all);
        }
    }
}

/// Waits for a grace period, which is expedited if `mode` is [`ReclaimMode::Expedited`].
pub(super) fn wait(mode: ReclaimMode) {
    match mode {
        ReclaimMode::Expedited => rcu::synchronize_expedited(),
        _ => rcu::synchronize(),
    }
}

/// Waits for a grace period and returns the object, which then has no readers.
pub(super) fn reclaim_now<T: Reclaim>(retired: Retired<T>, mode: ReclaimMode) -> UniqueRcuBox<T> {
    match mode {
        ReclaimMode::Expedited => retired.synchronize_expedited(),
        _ => retired.synchronize(),
    }
}

/// Reclaims an object that the statistics do not count.
pub(super) fn reclaim_later<T: Reclaim<Context = Softirq>>(retired: Retired<T>, mode: ReclaimMode) {
    match mode {
        ReclaimMode::Synchronize | ReclaimMode::Expedited => drop(reclaim_now(retired, mode)),
        ReclaimMode::Call => retired.call_rcu(),
        ReclaimMode::Kvfree => retired.kvfree_rcu(),
    }
}

/// Retires the nodes that a change has replaced.
///
/// Context: may sleep; waits for a grace period in some modes.
pub(super) fn retire(
    nodes: impl Replaced,
    exclusive: &mut Exclusive,
    policy: Policy,
    ledger: &mut KvfreeLedger,
) {
    let footprint = nodes.footprint();
    if footprint.objects == 0 {
        return;
    }
    stats::retired(footprint);
    if let Some(quarantine) = policy.quarantine {
        nodes.each(|node| quarantine.unlinked(UnlinkedNode(node)));
    }
    if policy.waits() {
        wait(policy.mode);
    }
    nodes.unlink(exclusive, |node| match (policy.mode, policy.quarantine) {
        (ReclaimMode::Kvfree, _) => {
            let footprint = node.node().footprint();
            node.retire_uncounted().kvfree_rcu();
            ledger.add(footprint);
        }
        (ReclaimMode::Call, Some(quarantine)) => {
            quarantine.queue(QuarantinedNode(node.quarantine()));
        }
        (ReclaimMode::Call, None) => node.retire().call_rcu(),
        (ReclaimMode::Synchronize | ReclaimMode::Expedited, quarantine) => {
            reclaim_node(node, quarantine);
        }
    });
}

/// Reclaims a node that was counted as retired and whose grace period has ended.
fn reclaim_node(node: Unlinked, quarantine: Option<&dyn Quarantine>) {
    if quarantine.is_some() {
        node.node().poison();
        node.quarantine().call_rcu();
    } else {
        let footprint = node.node().footprint();
        node.free();
        stats::reclaimed(footprint);
    }
}

/// Reclaims a node of a trie that was unlinked as a whole. Its grace period has ended.
pub(super) fn reclaim_tree_node(node: Unlinked, quarantine: Option<&dyn Quarantine>) {
    if quarantine.is_some() {
        stats::retired(node.node().footprint());
        reclaim_node(node, quarantine);
    } else {
        node.free();
    }
}

/// Calls [`Quarantine::unlinked`] with each node of tries that were just unlinked.
pub(super) fn report_unlinked<'t>(trees: impl IntoIterator<Item = &'t Tree>, policy: Policy) {
    if let Some(quarantine) = policy.quarantine {
        for tree in trees {
            tree.visit(|node| quarantine.unlinked(UnlinkedNode(node)));
        }
    }
}

/// Returns whether more than `reclaim_max_kb` is retired.
pub(super) fn is_over_limit(settings: &Settings) -> bool {
    stats::retired_bytes() > settings.reclaim_max_kb() as usize * 1024
}

/// Waits until all objects retired so far have been reclaimed. `kvfreed` is the result of
/// [`KvfreeLedger::drain`].
///
/// Context: may sleep; waits for a grace period and for callbacks.
pub(super) fn wait_for_reclaim(policy: Policy, kvfreed: Footprint) {
    wait(policy.mode);
    stats::reclaimed(kvfreed);
    rcu::barrier();
    if policy.quarantine.is_some() {
        // The callbacks that poisoned nodes have queued further ones.
        rcu::barrier();
    }
}
