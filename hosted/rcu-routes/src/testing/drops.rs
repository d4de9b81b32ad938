// SPDX-License-Identifier: GPL-2.0

//! Objects that tell how many of them were dropped.

use crate::rcu::{RcuBox, Reclaim, Softirq};
use kernel::prelude::*;
use std::sync::{
    atomic::{AtomicUsize, Ordering},
    Arc,
};

/// Counts drops.
#[derive(Clone, Default)]
pub struct Drops(Arc<AtomicUsize>);

impl Drops {
    /// How many there were.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// One more.
    pub fn note(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// A value whose drop is counted here.
    pub fn counted(&self, value: u64) -> Counted {
        let drops = self.clone();
        Counted { value, drops }
    }

    /// The same, ready to be published.
    pub fn object(&self, value: u64) -> RcuBox<Counted> {
        RcuBox::new(self.counted(value), GFP_KERNEL).expect("memory for a small object")
    }
}

/// A value whose drop is counted.
pub struct Counted {
    /// Whatever it is.
    pub value: u64,
    /// Where its drop will be counted.
    pub drops: Drops,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.drops.note();
    }
}

impl Reclaim for Counted {
    type Context = Softirq;
}
