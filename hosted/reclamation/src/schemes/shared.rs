// SPDX-License-Identifier: GPL-2.0

//! Reference counts: the last owner frees the table.

use super::{Reader, Scheme};
use crate::Routes;
use arc_swap::ArcSwap;
use std::sync::Arc;

/// A reference-counted table.
pub struct Shared(ArcSwap<Routes>);

impl Scheme for Shared {
    type Reader<'a> = &'a Shared;

    fn new(first: Routes) -> Self {
        Self(ArcSwap::from_pointee(first))
    }

    fn reader(&self) -> &Self {
        self
    }

    fn update(&self, change: impl FnOnce(&Routes) -> Routes) {
        let new = change(&self.0.load());
        self.0.store(Arc::new(new));
    }
}

impl Reader for &Shared {
    fn read<T>(&mut self, body: impl FnOnce(&Routes) -> T) -> T {
        body(&self.0.load())
    }
}
