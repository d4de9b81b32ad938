// SPDX-License-Identifier: GPL-2.0

//! The replacement for `core::sync::atomic` in the module's sources: the model checker's atomics,
//! with two differences.
//!
//! - After a failure the operations do nothing. Destructors then still run, but the model checker
//!   cannot be used.
//! - Each load begins with a relaxed exchange on a companion. The model checker reorders two
//!   accesses only if they depend on each other, which two loads do not. Of the accesses before a
//!   store it remembers only the last one. If that is a load of the same thread, it [misses][166]
//!   orders in which another thread's earlier load follows the store. With the companion all
//!   accesses depend on each other, so that remembering the last one suffices.
//!
//! [166]: https://github.com/tokio-rs/loom/issues/166

pub(crate) use core::sync::atomic::Ordering;

use loom::sync::atomic;
use std::{ptr, thread::panicking};

macro_rules! atomics {
    ($($name:ident $(<$parameter:ident>)?: $value:ty, default $default:expr;)*) => {
        $(
            pub(crate) struct $name$(<$parameter>)? {
                shared: atomic::$name$(<$parameter>)?,
                companion: atomic::AtomicUsize,
            }

            #[allow(dead_code, reason = "the module does not use every operation of every type")]
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
                        return $default;
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
                    if !panicking() { self.shared.swap(value, ordering) } else { $default }
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
    AtomicPtr<T>: *mut T, default ptr::null_mut();
    AtomicBool: bool, default false;
    AtomicU8: u8, default 0;
    AtomicU32: u32, default 0;
    AtomicU64: u64, default 0;
    AtomicUsize: usize, default 0;
}

macro_rules! counters {
    ($($name:ident: $value:ty, $($operation:ident)*;)*) => {
        $(
            impl $name {
                $(
                    #[track_caller]
                    pub(crate) fn $operation(&self, value: $value, ordering: Ordering) -> $value {
                        if !panicking() {
                            self.shared.$operation(value, ordering)
                        } else {
                            0
                        }
                    }
                )*
            }
        )*
    };
}

counters! {
    AtomicU64: u64, fetch_add;
    AtomicUsize: usize, fetch_add fetch_sub;
}
