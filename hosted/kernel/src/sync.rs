// SPDX-License-Identifier: GPL-2.0

//! Locks and reference counting.

#[expect(unsafe_code, reason = "shares memory through raw pointers")]
mod arc;
#[expect(unsafe_code, reason = "counts references through raw pointers")]
pub mod aref;
mod mutex;
#[expect(unsafe_code, reason = "calls C functions")]
pub mod rcu;
mod spinlock;

pub use crate::{new_mutex, new_spinlock};
pub use arc::Arc;
pub use mutex::{Mutex, MutexGuard};
pub use spinlock::{SpinLock, SpinLockGuard};

/// A lock class: empty, because there is no lockdep here.
pub struct LockClassKey(());

impl LockClassKey {
    #[doc(hidden)]
    pub const fn new() -> Self {
        Self(())
    }

    /// Returns a pointer to C's key, which must not be accessed.
    pub fn as_ptr(&self) -> *mut crate::bindings::lock_class_key {
        core::ptr::from_ref(self).cast_mut().cast()
    }
}

/// Returns the lock class of the call site.
#[doc(hidden)]
#[macro_export]
macro_rules! static_lock_class {
    () => {{
        static CLASS: $crate::sync::LockClassKey = $crate::sync::LockClassKey::new();
        ::core::pin::Pin::static_ref(&CLASS)
    }};
}

/// Returns a C string: the given name, or the call site.
#[doc(hidden)]
#[macro_export]
macro_rules! optional_name {
    () => {
        $crate::optional_name!(@ ::core::concat!(::core::file!(), ":", ::core::line!(), "\0"))
    };
    ($name:literal) => {
        $crate::optional_name!(@ ::core::concat!($name, "\0"))
    };
    (@ $name:expr) => {
        const {
            match ::core::ffi::CStr::from_bytes_with_nul($name.as_bytes()) {
                Ok(name) => name,
                Err(_) => panic!("the name contains a NUL"),
            }
        }
    };
}
