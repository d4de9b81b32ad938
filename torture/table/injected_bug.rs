// SPDX-License-Identifier: GPL-2.0

//! Bugs in the table's reclaim, injected through its quarantine.

use super::Bug;
use crate::{
    rcu::{read_lock, GracePeriod, Rcu, Reclaim, Softirq, UniqueRcuBox},
    rcu_table::{Quarantine, QuarantinedNode, UnlinkedNode},
};
use core::sync::atomic::{AtomicU8, Ordering};
use kernel::prelude::*;

/// A quarantine whose bug can be set.
pub(super) struct InjectedBug {
    bug: AtomicU8,
    lost: Rcu<LostNode>,
}

/// The node whose callback is not queued. Its drop queues the callback.
struct LostNode(#[expect(dead_code, reason = "owned until it is dropped")] QuarantinedNode);

impl Reclaim for LostNode {
    type Context = Softirq;
}

// ORDERING: Relaxed: the bug is set before the table exists, and orders no other memory.
impl InjectedBug {
    pub(super) const fn new() -> Self {
        Self {
            bug: AtomicU8::new(Bug::None as u8),
            lost: Rcu::null(),
        }
    }

    /// Sets the bug of the next run.
    pub(super) fn set(&self, bug: Bug) {
        self.bug.store(bug as u8, Ordering::Relaxed);
    }

    fn is(&self, bug: Bug) -> bool {
        self.bug.load(Ordering::Relaxed) == bug as u8
    }

    /// Queues the callback of the lost node, so that its memory is not leaked.
    ///
    /// Context: may sleep; waits for a grace period.
    pub(super) fn recover_lost_node(&self) {
        if let Some(node) = self.lost.replace(None) {
            drop(node.synchronize());
        }
    }
}

impl Quarantine for InjectedBug {
    fn unlinked(&self, node: UnlinkedNode<'_>) {
        if self.is(Bug::SkipGp) {
            node.poison();
        }
    }

    fn queue(&self, node: QuarantinedNode) {
        if self.is(Bug::LostCallback) && self.lost.dereference(&read_lock()).is_none() {
            // If the allocation fails, it drops the node, which queues the callback after all.
            if let Ok(node) = UniqueRcuBox::new(LostNode(node), GFP_KERNEL) {
                self.lost.replace(Some(node));
            }
        } else {
            node.call_rcu();
        }
    }

    fn is_complete(&self, grace_period: &GracePeriod) -> bool {
        self.is(Bug::ReuseBeforeGp) || grace_period.is_complete()
    }
}
