// SPDX-License-Identifier: GPL-2.0

//! Nodes that are marked before they are freed, so that torture notices a reader who reaches one.
//!
//! ```text
//!   unlinked ──grace period──► marked ──grace period──► freed
//! ```
//!
//! A node that is read between the two is still whole: the mark is all that is wrong with it. So a
//! missing grace period shows without memory being used that is not there.

use super::{Node, Reclaim};
use crate::{
    rcu::{Rcu, Softirq, UniqueRcuBox},
    rcu_table::stats::{self, Footprint},
};

/// A node in quarantine. RCU has it under another type, so that another function reclaims it: plain nodes
/// need not be asked.
#[repr(transparent)]
pub(in super::super) struct Quarantined(Node);

impl Quarantined {
    /// Takes note of a node that comes in.
    pub(super) fn enter(footprint: Footprint) {
        stats::entered_quarantine(footprint);
    }
}

impl Reclaim for Quarantined {
    type Context = Softirq;

    /// Frees a node that was marked before, and otherwise marks it, and hands it to RCU again.
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
