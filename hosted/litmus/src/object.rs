// SPDX-License-Identifier: GPL-2.0

//! The objects that the tests publish. The model checker reports every access that is not ordered
//! with the object's initialisation, its writes and its drop.

use crate::{
    kernel::prelude::*,
    rcu::{Anywhere, Reclaim, UniqueRcuBox},
};
use loom::cell::UnsafeCell;
use std::{
    sync::{Mutex, PoisonError},
    thread::panicking,
};

/// An object that contains a number.
pub struct Object {
    /// The cell in which the model checker records accesses. Such cells are not `Sync`, so a mutex
    /// contains it. No thread waits for the mutex: the model checker never switches threads at an
    /// access.
    memory: Mutex<UnsafeCell<()>>,
    number: usize,
}

impl Object {
    /// Returns an object by value.
    #[track_caller]
    pub fn new(number: usize) -> Self {
        Self {
            memory: Mutex::new(UnsafeCell::new(())),
            number,
        }
    }

    /// Returns an object that can be published.
    #[track_caller]
    pub fn boxed(number: usize) -> UniqueRcuBox<Self> {
        UniqueRcuBox::new(Self::new(number), GFP_KERNEL)
            .expect("allocations never fail in the model")
    }

    /// Reads the number.
    ///
    /// # Panics
    ///
    /// If the object's initialisation or a write is not ordered before this read.
    #[track_caller]
    pub fn read(&self) -> usize {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.with(|_| ());
        self.number
    }

    /// Writes the number.
    ///
    /// # Panics
    ///
    /// If another access is not ordered before this write.
    #[track_caller]
    pub fn write(&mut self, number: usize) {
        let memory = self.memory.get_mut();
        memory
            .unwrap_or_else(PoisonError::into_inner)
            .with_mut(|_| ());
        self.number = number;
    }
}

impl Reclaim for Object {
    type Context = Anywhere;
}

impl Drop for Object {
    fn drop(&mut self) {
        // After a failure the model checker cannot be used.
        if !panicking() {
            self.write(usize::MAX);
        }
    }
}
