// SPDX-License-Identifier: GPL-2.0

//! SRCU.

use super::LockClassKey;
use crate::kernel::{
    domain::{Domain, Reader},
    error::Error,
    task::might_sleep,
};
use core::{ffi::CStr, marker::PhantomData, pin::Pin};
use pinned_init::PinInit;
use std::thread::panicking;

/// An SRCU domain.
pub struct Srcu {
    pub(in crate::kernel) domain: Domain,
}

impl Srcu {
    /// Returns an initialiser.
    pub fn new(
        _name: &'static CStr,
        _key: Pin<&'static LockClassKey>,
    ) -> impl PinInit<Self, Error> {
        Ok(Self {
            domain: Domain::new(),
        })
    }

    /// Begins a read-side critical section.
    pub fn read_lock(&self) -> Guard<'_> {
        Guard {
            _section: self.domain.read_lock(),
            _domain: PhantomData,
        }
    }

    /// Waits for a grace period.
    #[track_caller]
    pub fn synchronize(&self) {
        // A destructor may call this after a failure, when the model checker cannot be used.
        if !panicking() {
            might_sleep();
            self.domain.begin_grace_period().wait();
        }
    }

    /// Waits for a grace period.
    #[track_caller]
    pub fn synchronize_expedited(&self) {
        self.synchronize();
    }
}

impl Drop for Srcu {
    fn drop(&mut self) {
        if !panicking() {
            self.domain.barrier();
        }
    }
}

/// A read-side critical section.
#[must_use = "the critical section ends when this is dropped"]
pub struct Guard<'a> {
    _section: Reader,
    _domain: PhantomData<&'a Srcu>,
}
