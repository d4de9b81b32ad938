// SPDX-License-Identifier: GPL-2.0

//! Nodes that are marked before they are freed, so that torture detects a reader that reaches one.
//!
//! ```text
//!   unlinked ──grace period──► marked ──grace period──► freed
//! ```
//!
//! A marked node is still whole. So torture detects a missing grace period without an access to
//! freed memory.

use super::{Node, Reclaim};
use crate::{
    rcu::{Rcu, Softirq, UniqueRcuBox},
    rcu_table::stats::{self, Footprint},
};

/// A node in quarantine. Its own type gives it its own reclaim function, so plain nodes need no
/// check.
#[repr(transparent)]
pub(in super::super) struct Quarantined(Node);

impl Quarantined {
    /// Counts a node that enters quarantine.
    pub(super) fn enter(footprint: Footprint) {
        stats::entered_quarantine(footprint);
    }
}

impl Reclaim for Quarantined {
    type Context = Softirq;
    const RECLAIM: Option<fn(UniqueRcuBox<Self>)> = Some(Self::reclaim);
}

impl Quarantined {
    /// Frees a node that was marked before. Marks any other node and retires it again.
    fn reclaim(this: UniqueRcuBox<Self>) {
        if this.0.poison() {
            let footprint = this.0.footprint();
            drop(this);
            stats::left_quarantine(footprint);
            return;
        }
        let marked = Rcu::new(this).replace(None);
        if let Some(marked) = marked {
            marked.call_rcu();
        }
    }
}
