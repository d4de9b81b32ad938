// SPDX-License-Identifier: GPL-2.0

//! Bugs in the table's reclaim, injected through its quarantine.

use super::Bug;
use crate::{
    rcu::{read_lock, GracePeriod, Rcu, Reclaim, Softirq, UniqueRcuBox},
    rcu_table::{Quarantine, QuarantinedBatch, UnlinkedNode},
};
use core::sync::atomic::{AtomicU8, Ordering};
use kernel::prelude::*;

/// A quarantine whose bug can be set.
pub(super) struct InjectedBug {
    bug: AtomicU8,
    lost: Rcu<LostBatch>,
}

/// The batch whose callback is not queued. Its drop queues the callback.
struct LostBatch(#[expect(dead_code, reason = "owned until it is dropped")] QuarantinedBatch);

impl Reclaim for LostBatch {
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

    /// Queues the callback of the lost batch, so that its memory is not leaked.
    ///
    /// Context: may sleep; waits for a grace period.
    pub(super) fn recover_lost_batch(&self) {
        if let Some(batch) = self.lost.replace(None) {
            drop(batch.synchronize());
        }
    }
}

impl Quarantine for InjectedBug {
    fn unlinked(&self, node: UnlinkedNode<'_>) {
        if self.is(Bug::SkipGp) {
            node.poison();
        }
    }

    fn queue(&self, batch: QuarantinedBatch) {
        if self.is(Bug::LostCallback) && self.lost.dereference(&read_lock()).is_none() {
            // If the allocation fails, it drops the batch, which queues the callback after all.
            if let Ok(batch) = UniqueRcuBox::new(LostBatch(batch), GFP_KERNEL) {
                self.lost.replace(Some(batch));
            }
        } else {
            batch.call_rcu();
        }
    }

    fn is_complete(&self, grace_period: &GracePeriod) -> bool {
        self.is(Bug::ReuseBeforeGp) || grace_period.is_complete()
    }
}
