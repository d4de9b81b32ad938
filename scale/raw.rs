// SPDX-License-Identifier: GPL-2.0

//! Locks that readers share and the kernel crate lacks. Everything `unsafe` of scale is here.
//!
//! C headers: [`include/linux/rwlock.h`](srctree/include/linux/rwlock.h),
//! [`include/linux/rwsem.h`](srctree/include/linux/rwsem.h)

use core::{hint::black_box, ptr};
use kernel::{bindings, prelude::*, sync::LockClassKey, types::Opaque};

/// C's `rwlock_t`, which nobody writes under.
///
/// # Invariants
///
/// `lock` is initialised.
#[pin_data]
pub(super) struct RwLock {
    #[pin]
    lock: Opaque<bindings::rwlock_t>,
}

// SAFETY: A lock may be taken in any thread.
unsafe impl Send for RwLock {}
// SAFETY: As above.
unsafe impl Sync for RwLock {}

impl RwLock {
    /// Whether this kernel has functions to call. Some inline them, and then there is only C that has them.
    pub(super) const IS_THERE: bool = cfg!(all(
        CONFIG_QUEUED_RWLOCKS,
        not(CONFIG_INLINE_READ_LOCK),
        not(CONFIG_INLINE_READ_UNLOCK)
    ));

    /// A lock that nobody holds, of a lock class.
    pub(super) fn new(key: Pin<&'static LockClassKey>) -> impl PinInit<Self> {
        pin_init!(Self {
            // INVARIANT: That is done here.
            lock <- Opaque::ffi_init(move |place: *mut bindings::rwlock_t| {
                // SAFETY: An unlocked queued lock is all zeroes, and there is room for it.
                unsafe { place.write_bytes(0, 1) };
                // SAFETY: It does not move from here on.
                unsafe { tell_lockdep(place, key) };
            }),
        })
    }

    /// Holds it as a reader, for nothing.
    ///
    /// Context: any in which [`Self::IS_THERE`].
    #[cfg(all(
        CONFIG_QUEUED_RWLOCKS,
        not(CONFIG_INLINE_READ_LOCK),
        not(CONFIG_INLINE_READ_UNLOCK)
    ))]
    #[inline]
    pub(super) fn read_section(&self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::_raw_read_lock(self.lock.get()) };
        black_box(());
        // SAFETY: It was locked just above, by this thread.
        unsafe { bindings::_raw_read_unlock(self.lock.get()) };
    }

    #[cfg(not(all(
        CONFIG_QUEUED_RWLOCKS,
        not(CONFIG_INLINE_READ_LOCK),
        not(CONFIG_INLINE_READ_UNLOCK)
    )))]
    pub(super) fn read_section(&self) {
        let _ = &self.lock;
    }
}

/// # Safety
///
/// `lock` has room for a lock, which stays there.
#[cfg(CONFIG_DEBUG_SPINLOCK)]
unsafe fn tell_lockdep(lock: *mut bindings::rwlock_t, key: Pin<&'static LockClassKey>) {
    // SAFETY: For the lock the caller vouches; name and key are static.
    unsafe { bindings::__rwlock_init(lock, c"scale_rwlock".as_ptr().cast(), as_ptr(key)) };
}

/// # Safety
///
/// None.
#[cfg(not(CONFIG_DEBUG_SPINLOCK))]
unsafe fn tell_lockdep(_lock: *mut bindings::rwlock_t, _key: Pin<&'static LockClassKey>) {}

/// C's `rw_semaphore`, which nobody writes under.
///
/// # Invariants
///
/// `semaphore` is initialised.
#[pin_data]
pub(super) struct RwSemaphore {
    #[pin]
    semaphore: Opaque<bindings::rw_semaphore>,
}

// SAFETY: A semaphore may be taken in any thread.
unsafe impl Send for RwSemaphore {}
// SAFETY: As above.
unsafe impl Sync for RwSemaphore {}

impl RwSemaphore {
    /// A semaphore that nobody holds, of a lock class.
    pub(super) fn new(key: Pin<&'static LockClassKey>) -> impl PinInit<Self> {
        let name = c"scale_rwsem".as_ptr().cast();
        pin_init!(Self {
            // INVARIANT: That is done here.
            semaphore <- Opaque::ffi_init(move |place| {
                // SAFETY: There is room for it, it does not move, and name and key are static.
                unsafe { bindings::__init_rwsem(place, name, as_ptr(key)) }
            }),
        })
    }

    /// Holds it as a reader, for nothing.
    ///
    /// Context: may sleep.
    #[inline]
    pub(super) fn read_section(&self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::down_read(self.semaphore.get()) };
        black_box(());
        // SAFETY: It was taken just above, by this thread.
        unsafe { bindings::up_read(self.semaphore.get()) };
    }
}

/// The key's own `as_ptr()` is private in some kernels. It is `repr(transparent)` around C's.
fn as_ptr(key: Pin<&'static LockClassKey>) -> *mut bindings::lock_class_key {
    ptr::from_ref(key.get_ref()).cast_mut().cast()
}
