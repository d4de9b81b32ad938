// SPDX-License-Identifier: GPL-2.0

//! What stands for `core::sync::atomic` in the module's sources: the model checker's atomics, with two
//! differences.
//!
//! - Once the model checker has found something they do nothing. Destructors run then, and it is in no
//!   state to go on.
//! - Before each load comes an exchange on a companion, which orders nothing. The model checker tries
//!   other orders of two accesses if they depend on each other. Loads do not; but of the accesses before
//!   a store it remembers the last alone, and if that is the same thread's load, it [misses][166] that
//!   another thread's earlier load may come after the store as well. With the companion all accesses
//!   depend on each other, so that the last one is enough.
//!
//! [166]: https://github.com/tokio-rs/loom/issues/166

pub(crate) use core::sync::atomic::Ordering;

use loom::sync::atomic;
use std::{ptr, thread::panicking};

macro_rules! atomics {
    ($($name:ident $(<$parameter:ident>)?: $value:ty, or $nothing:expr;)*) => {
        $(
            pub(crate) struct $name$(<$parameter>)? {
                shared: atomic::$name$(<$parameter>)?,
                companion: atomic::AtomicUsize,
            }

            #[allow(dead_code, reason = "not every type is used in every way")]
            impl$(<$parameter>)? $name$(<$parameter>)? {
                #[track_caller]
                pub(crate) fn new(value: $value) -> Self {
                    Self {
                        shared: atomic::$name::new(value),
                        companion: atomic::AtomicUsize::new(0),
                    }
                }

                #[track_caller]
                pub(crate) fn load(&self, ordering: Ordering) -> $value {
                    if panicking() {
                        return $nothing;
                    }
                    self.companion.fetch_add(0, Ordering::Relaxed);
                    self.shared.load(ordering)
                }

                #[track_caller]
                pub(crate) fn store(&self, value: $value, ordering: Ordering) {
                    if !panicking() {
                        self.shared.store(value, ordering);
                    }
                }

                #[track_caller]
                pub(crate) fn swap(&self, value: $value, ordering: Ordering) -> $value {
                    if !panicking() { self.shared.swap(value, ordering) } else { $nothing }
                }

                #[track_caller]
                pub(crate) fn compare_exchange(
                    &self,
                    current: $value,
                    new: $value,
                    success: Ordering,
                    failure: Ordering,
                ) -> Result<$value, $value> {
                    if !panicking() {
                        self.shared.compare_exchange(current, new, success, failure)
                    } else {
                        Ok(current)
                    }
                }

                #[track_caller]
                pub(crate) fn compare_exchange_weak(
                    &self,
                    current: $value,
                    new: $value,
                    success: Ordering,
                    failure: Ordering,
                ) -> Result<$value, $value> {
                    self.compare_exchange(current, new, success, failure)
                }
            }
        )*
    };
}

atomics! {
    AtomicPtr<T>: *mut T, or ptr::null_mut();
    AtomicBool: bool, or false;
    AtomicU8: u8, or 0;
    AtomicUsize: usize, or 0;
}

impl AtomicUsize {
    #[track_caller]
    pub(crate) fn fetch_add(&self, value: usize, ordering: Ordering) -> usize {
        if !panicking() {
            self.shared.fetch_add(value, ordering)
        } else {
            0
        }
    }

    #[track_caller]
    pub(crate) fn fetch_sub(&self, value: usize, ordering: Ordering) -> usize {
        if !panicking() {
            self.shared.fetch_sub(value, ordering)
        } else {
            0
        }
    }
}
