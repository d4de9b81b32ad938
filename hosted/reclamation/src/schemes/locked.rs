// SPDX-License-Identifier: GPL-2.0

//! A read-write lock: the updater waits for all readers, and new readers for the updater.

use super::{Reader, Scheme};
use crate::Routes;
use std::sync::{PoisonError, RwLock};

/// A table under a read-write lock.
pub struct Locked(RwLock<Routes>);

impl Scheme for Locked {
    type Reader<'a> = &'a Locked;

    fn new(first: Routes) -> Self {
        Self(RwLock::new(first))
    }

    fn reader(&self) -> &Self {
        self
    }

    fn update(&self, change: impl FnOnce(&Routes) -> Routes) {
        let new = change(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = new;
    }
}

impl Reader for &Locked {
    fn read<T>(&mut self, body: impl FnOnce(&Routes) -> T) -> T {
        body(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}
