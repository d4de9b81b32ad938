// SPDX-License-Identifier: GPL-2.0

//! SRCU.

use crate::kernel::domain::{Domain, Reader};
use core::{cell::RefCell, ffi::c_int};

/// An SRCU domain: C's `struct srcu_struct`.
pub struct Srcu {
    pub(in crate::kernel) domain: Domain,
    /// The critical sections by their index.
    readers: RefCell<Vec<Option<Reader>>>,
}

impl Srcu {
    pub(in crate::kernel) fn new() -> Self {
        Self {
            domain: Domain::new(),
            readers: RefCell::default(),
        }
    }

    /// Begins a read-side critical section and returns its index.
    pub(in crate::kernel) fn read_lock(&self) -> c_int {
        let reader = self.domain.read_lock();
        let mut readers = self.readers.borrow_mut();
        readers.push(Some(reader));
        readers.len() as c_int - 1
    }

    /// Ends the read-side critical section with this index.
    pub(in crate::kernel) fn read_unlock(&self, index: c_int) {
        let reader = self.readers.borrow_mut()[index as usize].take();
        drop(reader.expect("the section lasts"));
    }
}
