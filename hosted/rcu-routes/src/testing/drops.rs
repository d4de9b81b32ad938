// SPDX-License-Identifier: GPL-2.0

//! Objects whose drops are counted.

use crate::rcu::{Anywhere, Reclaim, UniqueRcuBox};
use kernel::prelude::*;
use std::sync::{
    atomic::{AtomicUsize, Ordering},
    Arc,
};

/// A shared count of drops.
#[derive(Clone, Default)]
pub struct Drops(Arc<AtomicUsize>);

impl Drops {
    /// Returns the number of drops.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Adds one drop.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// Creates a value whose drop counts here.
    pub fn counted(&self, value: u64) -> Counted {
        let drops = self.clone();
        Counted { value, drops }
    }

    /// Creates an unpublished object whose drop counts here.
    pub fn object(&self, value: u64) -> UniqueRcuBox<Counted> {
        UniqueRcuBox::new(self.counted(value), GFP_KERNEL).expect("memory for a small object")
    }
}

/// A value whose drop is counted.
pub struct Counted {
    /// The value.
    pub value: u64,
    /// The count that the drop increments.
    pub drops: Drops,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.drops.add();
    }
}

impl Reclaim for Counted {
    type Context = Anywhere;
}
