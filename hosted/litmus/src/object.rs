// SPDX-License-Identifier: GPL-2.0

//! The objects that the tests publish: the model checker complains of every access that is not
//! ordered with the making, the changing and the end of the object.

use crate::{
    kernel::prelude::*,
    rcu::{RcuBox, Reclaim, Softirq},
};
use loom::cell::UnsafeCell;
use std::{
    sync::{Mutex, PoisonError},
    thread::panicking,
};

/// An object with a number in it.
pub struct Object {
    /// Stands for the memory of the object. The model checker's cells cannot be shared; the lock makes
    /// them, and nobody ever waits for it, because an access is no point at which threads change.
    memory: Mutex<UnsafeCell<()>>,
    number: usize,
}

impl Object {
    /// An object, to be a part of another or by itself.
    #[track_caller]
    pub fn new(number: usize) -> Self {
        Self {
            memory: Mutex::new(UnsafeCell::new(())),
            number,
        }
    }

    /// An object, to be published.
    #[track_caller]
    pub fn boxed(number: usize) -> RcuBox<Self> {
        RcuBox::new(Self::new(number), GFP_KERNEL).expect("memory is never short here")
    }

    /// Reads the number.
    ///
    /// # Panics
    ///
    /// If the model checker finds that the object's making or change is not ordered before this.
    #[track_caller]
    pub fn read(&self) -> usize {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.with(|_| ());
        self.number
    }

    /// Changes the number.
    ///
    /// # Panics
    ///
    /// If the model checker finds that any access is not ordered before this.
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
    type Context = Softirq;
}

impl Drop for Object {
    fn drop(&mut self) {
        // Once the model checker has found something, it is in no state to be asked more.
        if !panicking() {
            self.write(usize::MAX);
        }
    }
}
