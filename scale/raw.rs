// SPDX-License-Identifier: GPL-2.0

//! Reader-writer locks, which the kernel crate lacks. All `unsafe` code of scale is here.
//!
//! C headers: [`include/linux/rwlock.h`](srctree/include/linux/rwlock.h),
//! [`include/linux/rwsem.h`](srctree/include/linux/rwsem.h)

use core::{hint::black_box, ptr};
use kernel::{bindings, prelude::*, sync::LockClassKey, types::Opaque};

/// C's `rwlock_t`, for readers only.
///
/// # Invariants
///
/// `lock` is initialised.
#[pin_data]
pub(super) struct RwLock {
    #[pin]
    lock: Opaque<bindings::rwlock_t>,
}

// SAFETY: Any thread may lock and unlock it.
unsafe impl Send for RwLock {}
// SAFETY: `rwlock_t` synchronizes its users.
unsafe impl Sync for RwLock {}

impl RwLock {
    /// Whether this kernel exports the lock's functions. A kernel that inlines them does not.
    pub(super) const IS_AVAILABLE: bool = cfg!(any(
        CONFIG_PREEMPT_RT,
        all(
            CONFIG_QUEUED_RWLOCKS,
            not(CONFIG_INLINE_READ_LOCK),
            not(CONFIG_INLINE_READ_UNLOCK)
        )
    ));

    /// An unlocked lock of a lock class.
    pub(super) fn new(key: Pin<&'static LockClassKey>) -> impl PinInit<Self> {
        pin_init!(Self {
            // INVARIANT: Initialises `lock`.
            lock <- Opaque::ffi_init(move |place: *mut bindings::rwlock_t| {
                // SAFETY: `place` is valid for writes. An unlocked queued lock is all zeroes.
                unsafe { place.write_bytes(0, 1) };
                // SAFETY: `place` is valid for writes and pinned, and all zeroes.
                unsafe { init(place, key) };
            }),
        })
    }

    /// Runs an empty section under the read lock; nothing without [`Self::IS_AVAILABLE`].
    ///
    /// Context: any; may sleep with `PREEMPT_RT`.
    #[inline]
    pub(super) fn read_section(&self) {
        #[cfg(all(
            CONFIG_QUEUED_RWLOCKS,
            not(CONFIG_PREEMPT_RT),
            not(CONFIG_INLINE_READ_LOCK),
            not(CONFIG_INLINE_READ_UNLOCK)
        ))]
        use bindings::{_raw_read_lock as lock, _raw_read_unlock as unlock};
        #[cfg(CONFIG_PREEMPT_RT)]
        use bindings::{rt_read_lock as lock, rt_read_unlock as unlock};

        #[cfg(any(
            CONFIG_PREEMPT_RT,
            all(
                CONFIG_QUEUED_RWLOCKS,
                not(CONFIG_INLINE_READ_LOCK),
                not(CONFIG_INLINE_READ_UNLOCK)
            )
        ))]
        {
            // SAFETY: By the type invariant `lock` is initialised.
            unsafe { lock(self.lock.get()) };
            black_box(());
            // SAFETY: This thread has locked it above.
            unsafe { unlock(self.lock.get()) };
        }
    }
}

/// Initialises what is not zero in an unlocked lock.
///
/// # Safety
///
/// `lock` is valid for writes, does not move, and is all zeroes.
#[cfg(CONFIG_PREEMPT_RT)]
unsafe fn init(lock: *mut bindings::rwlock_t, key: Pin<&'static LockClassKey>) {
    /// C's `READER_BIAS`: no writer.
    const READER_BIAS: c_int = c_int::MIN;
    // SAFETY: The caller promises a valid `lock`, so its fields are in bounds.
    unsafe {
        bindings::rt_mutex_base_init(&raw mut (*lock).rwbase.rtmutex);
        (*lock).rwbase.readers.counter = READER_BIAS;
    }
    #[cfg(CONFIG_DEBUG_LOCK_ALLOC)]
    // SAFETY: The caller promises a valid `lock`. The name and the key are static.
    unsafe {
        bindings::__rt_rwlock_init(lock, c"scale_rwlock".as_ptr().cast(), as_ptr(key))
    };
    let _ = key;
}

/// Initialises the lock's fields for the kernel's checks.
///
/// # Safety
///
/// `lock` is valid for writes and does not move.
#[cfg(all(CONFIG_DEBUG_SPINLOCK, not(CONFIG_PREEMPT_RT)))]
unsafe fn init(lock: *mut bindings::rwlock_t, key: Pin<&'static LockClassKey>) {
    // SAFETY: The caller guarantees that `lock` is valid. The name and the key are static.
    unsafe { bindings::__rwlock_init(lock, c"scale_rwlock".as_ptr().cast(), as_ptr(key)) };
}

/// # Safety
///
/// None.
#[cfg(not(any(CONFIG_DEBUG_SPINLOCK, CONFIG_PREEMPT_RT)))]
unsafe fn init(_lock: *mut bindings::rwlock_t, _key: Pin<&'static LockClassKey>) {}

/// C's `rw_semaphore`, for readers only.
///
/// # Invariants
///
/// `semaphore` is initialised.
#[pin_data]
pub(super) struct RwSemaphore {
    #[pin]
    semaphore: Opaque<bindings::rw_semaphore>,
}

// SAFETY: Any thread may take and release it.
unsafe impl Send for RwSemaphore {}
// SAFETY: `rw_semaphore` synchronizes its users.
unsafe impl Sync for RwSemaphore {}

impl RwSemaphore {
    /// A free semaphore of a lock class.
    pub(super) fn new(key: Pin<&'static LockClassKey>) -> impl PinInit<Self> {
        let name = c"scale_rwsem".to_bytes_with_nul().as_ptr().cast();
        pin_init!(Self {
            // INVARIANT: Initialises `semaphore`.
            semaphore <- Opaque::ffi_init(move |place| {
                // SAFETY: `place` is valid for writes and pinned. The name and the key are static.
                unsafe { bindings::__init_rwsem(place, name, as_ptr(key)) }
            }),
        })
    }

    /// Runs an empty section as a reader.
    ///
    /// Context: may sleep.
    #[inline]
    pub(super) fn read_section(&self) {
        // SAFETY: By the type invariant `semaphore` is initialised.
        unsafe { bindings::down_read(self.semaphore.get()) };
        black_box(());
        // SAFETY: This thread has taken it above.
        unsafe { bindings::up_read(self.semaphore.get()) };
    }
}

/// Returns C's pointer to a key, which is `repr(transparent)`. Its own `as_ptr()` is private in
/// some kernels.
fn as_ptr(key: Pin<&'static LockClassKey>) -> *mut bindings::lock_class_key {
    ptr::from_ref(key.get_ref()).cast_mut().cast()
}
