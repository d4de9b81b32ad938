// SPDX-License-Identifier: GPL-2.0

//! What becomes of the nodes that a change has replaced.

use super::{
    node::{Exclusive, Replaced, Tree, Unlinked},
    quarantine::{Quarantine, QuarantinedNode, UnlinkedNode},
    settings::{ReclaimMode, Settings},
    stats::{self, Footprint},
};
use crate::rcu::{self, GracePeriod, RcuBox, Reclaim, Retired, Softirq};

/// What the settings said when an update began.
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

    /// Whether the updater waits for the grace period.
    fn waits(self) -> bool {
        matches!(self.mode, ReclaimMode::Synchronize | ReclaimMode::Expedited)
    }
}

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

/// Retires the nodes that a change has replaced.
///
/// Context: may sleep; waits for a grace period in some modes.
pub(super) fn settle(
    nodes: impl Replaced,
    exclusive: &mut Exclusive,
    policy: Policy,
    ledger: &mut Ledger,
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
            node.retire().kvfree_rcu();
            ledger.add(footprint);
        }
        (ReclaimMode::Call, Some(quarantine)) => {
            quarantine.queue(QuarantinedNode(node.quarantine()));
        }
        (ReclaimMode::Call, None) => node.retire().call_rcu(),
        (ReclaimMode::Synchronize | ReclaimMode::Expedited, quarantine) => end(node, quarantine),
    });
}

/// Ends a node that was counted as retired and whose grace period has ended.
fn end(node: Unlinked, quarantine: Option<&dyn Quarantine>) {
    if quarantine.is_some() {
        node.node().poison();
        node.quarantine().call_rcu();
    } else {
        let footprint = node.node().footprint();
        node.free();
        stats::reclaimed(footprint);
    }
}

/// Ends a node of a whole trie whose grace period has ended.
pub(super) fn end_of_tree(node: Unlinked, quarantine: Option<&dyn Quarantine>) {
    if quarantine.is_some() {
        stats::retired(node.node().footprint());
        end(node, quarantine);
    } else {
        node.free();
    }
}

/// Shows the nodes of whole tries that were just cut off to the quarantine.
pub(super) fn show_unlinked<'t>(trees: impl IntoIterator<Item = &'t Tree>, policy: Policy) {
    if let Some(quarantine) = policy.quarantine {
        for tree in trees {
            tree.visit(|node| quarantine.unlinked(UnlinkedNode(node)));
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
pub(super) fn catch_up(policy: Policy, handed_over: Footprint) {
    wait(policy.mode);
    stats::reclaimed(handed_over);
    rcu::barrier();
    if policy.quarantine.is_some() {
        // For the callbacks that those just waited for have queued.
        rcu::barrier();
    }
}
