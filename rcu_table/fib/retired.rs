// SPDX-License-Identifier: GPL-2.0

//! Objects that wait for a grace period, in batches with one callback each.
//!
//! ```text
//!   unlinked ──► open batch ── full, large, or closed ──► call_rcu() ──► all freed
//!   quarantine:                                           call_rcu() ──► all marked ──► call_rcu()
//! ```
//!
//! A batch remains open until later changes fill it, so an idle table keeps less than
//! [`OPEN_BYTES`] in it. A marked object is still whole, so torture detects a missing grace period
//! without an access to freed memory.

use super::{
    node::NodeRef,
    object::{gfp, Fib},
};
use crate::{
    rcu::{self, Reclaim, Retired, Softirq, UniqueRcuBox},
    rcu_table::{
        quarantine::Quarantine,
        stats::{self, Footprint},
        table::yield_after,
    },
};
use core::{
    ptr,
    sync::atomic::{AtomicUsize, Ordering},
};
use kernel::{bindings, prelude::*, sync::Arc};

/// The objects of a batch. A callback frees them all.
const BATCH: usize = 60;

/// The bytes at which a batch is closed although it is not full.
const OPEN_BYTES: usize = 16 << 10;

/// Counts the objects of one table that await reclaim. Callbacks use it after the table's end.
#[derive(Default)]
pub(in super::super) struct Account {
    objects: AtomicUsize,
    bytes: AtomicUsize,
}

// ORDERING: Statistics; nothing is published through them.
impl Account {
    pub(in super::super) fn retired(&self, footprint: Footprint) {
        self.objects.fetch_add(footprint.objects, Ordering::Relaxed);
        self.bytes.fetch_add(footprint.bytes, Ordering::Relaxed);
    }

    pub(in super::super) fn reclaimed(&self, footprint: Footprint) {
        self.objects.fetch_sub(footprint.objects, Ordering::Relaxed);
        self.bytes.fetch_sub(footprint.bytes, Ordering::Relaxed);
        stats::count_reclaimed(footprint.objects);
    }

    /// Counts an object as in use that was counted as retired while it was built.
    pub(in super::super) fn published(&self, footprint: Footprint) {
        self.objects.fetch_sub(footprint.objects, Ordering::Relaxed);
        self.bytes.fetch_sub(footprint.bytes, Ordering::Relaxed);
    }

    /// Returns the footprint of the objects that await reclaim.
    pub(in super::super) fn waiting(&self) -> Footprint {
        Footprint {
            objects: self.objects.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }
}

/// The treatment of a batch when its grace period has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Fate {
    /// Its objects are freed.
    Free,
    /// Its objects are marked, and freed after another grace period.
    Mark,
    /// Its objects were marked, and are freed.
    Marked,
}

/// Objects that share a callback.
pub(in super::super) struct Batch {
    account: Arc<Account>,
    objects: [Fib; BATCH],
    len: usize,
    sum: Footprint,
    fate: Fate,
}

impl Reclaim for Batch {
    type Context = Softirq;
    const RECLAIM: Option<fn(UniqueRcuBox<Self>)> = Some(Self::reclaim);
}

impl Batch {
    fn new(account: &Arc<Account>) -> Result<UniqueRcuBox<Self>> {
        let batch = Self {
            account: account.clone(),
            objects: [const { Fib::NONE }; BATCH],
            len: 0,
            sum: Footprint::default(),
            fate: Fate::Free,
        };
        Ok(UniqueRcuBox::new(batch, gfp())?)
    }

    fn reclaim(mut this: UniqueRcuBox<Self>) {
        if this.fate == Fate::Mark {
            for object in &this.objects[..this.len] {
                poison(object);
            }
            this.fate = Fate::Marked;
            this.retire().call_rcu();
            return;
        }
        for object in &mut this.objects {
            core::mem::replace(object, Fib::NONE).free();
        }
        this.account.reclaimed(this.sum);
        if this.fate == Fate::Marked {
            stats::left_quarantine(this.sum.objects);
        }
    }
}

/// Marks an object as reclaimed, unless it is of a kind without mark.
pub(in super::super) fn poison(object: &Fib) {
    if let Some(node) = object.view() {
        node.poison();
    }
}

/// A closed batch in quarantine. If it is dropped, its callback is queued.
pub struct QuarantinedBatch(Retired<Batch>);

impl QuarantinedBatch {
    /// Queues the callback that marks the nodes and frees them after another grace period.
    ///
    /// Context: any.
    pub fn call_rcu(self) {
        self.0.call_rcu();
    }
}

/// The open batch of a table, and memory for further ones.
pub(in super::super) struct Retirees {
    pub(in super::super) account: Arc<Account>,
    open: Option<UniqueRcuBox<Batch>>,
    spare: KVVec<UniqueRcuBox<Batch>>,
    quarantine: Option<&'static dyn Quarantine>,
}

impl Retirees {
    /// Creates the account of a table, without batches.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(in super::super) fn new(quarantine: Option<&'static dyn Quarantine>) -> Result<Self> {
        Ok(Self {
            account: Arc::new(Account::default(), GFP_KERNEL)?,
            open: None,
            spare: KVVec::new(),
            quarantine,
        })
    }

    /// Allocates batches for `count` objects.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(in super::super) fn reserve(&mut self, count: usize) -> Result {
        let room = self.open.as_ref().map_or(0, |open| BATCH - open.len);
        let needed = count.saturating_sub(room).div_ceil(BATCH);
        while self.spare.len() < needed {
            self.spare.push(Batch::new(&self.account)?, gfp())?;
            yield_after(self.spare.len());
        }
        Ok(())
    }

    /// Frees the unused batches of [`Self::reserve`]. Keeps one for the next change if `keeps_one`.
    pub(in super::super) fn trim(&mut self, keeps_one: bool) {
        if keeps_one && self.spare.len() <= 1 {
            return;
        }
        let mut spare = core::mem::replace(&mut self.spare, KVVec::new());
        if keeps_one {
            // If there is no memory for the list, the batch is freed, and the next change allocates
            // another one.
            let _ = spare.pop().map(|batch| self.spare.push(batch, gfp()));
        }
        while spare.pop().is_some() {
            yield_after(spare.len());
        }
    }

    /// Adds an unlinked object, which is counted as retired. Waits for a grace period if there is
    /// no memory.
    pub(in super::super) fn add(&mut self, object: Fib, fate: Fate) {
        let differs = |open: &UniqueRcuBox<Batch>| open.len == BATCH || open.fate != fate;
        if self.open.as_ref().is_some_and(differs) {
            self.close();
        }
        if self.open.is_none() {
            let spare = self.spare.pop();
            self.open = spare.or_else(|| Batch::new(&self.account).ok());
        }
        let footprint = object.footprint();
        let Some(open) = &mut self.open else {
            rcu::synchronize();
            object.free();
            self.account.reclaimed(footprint);
            return;
        };
        open.fate = fate;
        let at = open.len;
        open.objects[at] = object;
        open.len += 1;
        open.sum.add(footprint);
        if fate != Fate::Free {
            stats::entered_quarantine(1);
        }
        if open.sum.bytes >= OPEN_BYTES {
            self.close();
        }
    }

    /// Queues the callback of the open batch, or passes the batch to the quarantine.
    pub(in super::super) fn close(&mut self) {
        let Some(open) = self.open.take() else {
            return;
        };
        let fate = open.fate;
        let retired = open.retire();
        match self.quarantine {
            Some(quarantine) if fate == Fate::Mark => quarantine.queue(QuarantinedBatch(retired)),
            _ => retired.call_rcu(),
        }
    }
}

impl Drop for Retirees {
    fn drop(&mut self) {
        self.close();
    }
}

impl Fib {
    /// Frees an unlinked object after a grace period: C's `kvfree_rcu_mightsleep()`.
    ///
    /// Context: may sleep.
    pub(in super::super) fn kvfree_rcu(self) {
        if let Some(memory) = self.into_kvfree_memory() {
            // SAFETY: By the type invariant this value owned the allocation, and the caller has
            // unlinked it. Without a head the function may sleep, as here.
            unsafe { bindings::kvfree_call_rcu(ptr::null_mut(), memory.as_ptr().cast()) };
        }
    }

    /// Passes the page or node to `observe`.
    pub(in super::super) fn inspect(&self, observe: impl FnOnce(NodeRef<'_>)) {
        if let Some(node) = self.view() {
            observe(node);
        }
    }
}
