// SPDX-License-Identifier: GPL-2.0

//! Quarantine: a node is poisoned after its grace period, and freed after another one.
//!
//! ```text
//!   unlinked ──grace period──► poisoned ──grace period──► freed
//! ```
//!
//! Torture looks for poisoned nodes on the path of each lookup. A reader that reaches one proves
//! that a grace period was missing, without a use after free. `kvfree_rcu()` runs no code of the
//! module, so nodes that it frees are not poisoned.

use super::fib::NodeRef;
pub use super::fib::QuarantinedBatch;
use crate::rcu::GracePeriod;

/// The points where a table in quarantine relies on grace periods.
///
/// Each default is correct. Torture overrides one at a time to check that it detects the bug. No
/// override can cause a use after free: a node is freed only after a grace period of its own.
pub trait Quarantine: Sync {
    /// Observes an unlinked node before its grace period.
    ///
    /// Context: may sleep; the table's mutex may be held.
    fn unlinked(&self, _node: UnlinkedNode<'_>) {}

    /// Queues the callback that poisons the nodes of a batch.
    ///
    /// Context: may sleep; the table's mutex is held.
    fn queue(&self, batch: QuarantinedBatch) {
        batch.call_rcu();
    }

    /// Returns whether the table can reuse numbers of answers that were released before
    /// `grace_period` began.
    fn is_complete(&self, grace_period: &GracePeriod) -> bool {
        grace_period.is_complete()
    }
}

/// A node that a change has unlinked. Its grace period has not ended.
pub struct UnlinkedNode<'a>(pub(super) NodeRef<'a>);

impl UnlinkedNode<'_> {
    /// Poisons the node, as if its grace period had ended.
    pub fn poison(&self) {
        self.0.poison();
    }
}
