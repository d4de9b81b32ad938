// SPDX-License-Identifier: GPL-2.0

//! All differences between the kernels that the library supports, 6.18 to 7.3.
//!
//! `kbuild.mk` sets `--cfg kernel_7_3` for kernels from 7.3 on.

#![expect(unsafe_code, reason = "calls C")]

#[cfg(not(kernel_7_3))]
use kernel::bindings;

#[cfg(kernel_7_3)]
pub(super) use kernel::{
    bindings::rcu_gp_seq as rcu_gp_oldstate,
    sync::rcu::{rcu_barrier, synchronize_rcu},
};

#[cfg(not(kernel_7_3))]
pub(super) use bindings::rcu_gp_oldstate;

#[cfg(kernel_7_3)]
pub(super) use kernel::sync::srcu::{Guard as SrcuGuard, Srcu};

#[cfg(not(kernel_7_3))]
pub(super) use srcu::{Guard as SrcuGuard, Srcu};

/// Returns the system's per-CPU workqueue.
#[cfg(not(kernel_7_3))]
pub(super) fn system_workqueue() -> *mut bindings::workqueue_struct {
    core::ptr::from_ref(kernel::workqueue::system())
        .cast_mut()
        .cast()
}

/// Returns the system's per-CPU workqueue. The kernel crate has it only under a name that C
/// deprecates.
#[cfg(kernel_7_3)]
pub(super) fn system_workqueue() -> *mut kernel::bindings::workqueue_struct {
    // SAFETY: The kernel writes the variable once, before it loads modules.
    unsafe { kernel::bindings::system_percpu_wq }
}

/// C's `synchronize_rcu()`.
///
/// Context: may sleep; must not be called inside a read-side critical section.
#[cfg(not(kernel_7_3))]
#[track_caller]
pub(super) fn synchronize_rcu() {
    // SAFETY: The function has no memory safety requirement.
    unsafe { bindings::synchronize_rcu() };
}

/// C's `rcu_barrier()`.
///
/// Context: may sleep; must not be called inside a read-side critical section nor from a callback.
#[cfg(not(kernel_7_3))]
#[track_caller]
pub(super) fn rcu_barrier() {
    // SAFETY: The function has no memory safety requirement.
    unsafe { bindings::rcu_barrier() };
}

/// SRCU with the interface that `kernel::sync::srcu` has in later kernels.
#[cfg(not(kernel_7_3))]
mod srcu {
    use core::marker::PhantomData;
    #[cfg(CONFIG_DEBUG_LOCK_ALLOC)]
    use core::ptr;
    use kernel::{bindings, error::to_result, prelude::*, sync::LockClassKey, types::Opaque};

    /// # Invariants
    ///
    /// `inner` is initialised. It does not move, and is cleaned up only by the drop.
    #[repr(transparent)]
    #[pin_data(PinnedDrop)]
    pub(in super::super) struct Srcu {
        #[pin]
        inner: Opaque<bindings::srcu_struct>,
    }

    // SAFETY: A domain belongs to no thread.
    unsafe impl Send for Srcu {}
    // SAFETY: SRCU's functions synchronise their accesses to the domain.
    unsafe impl Sync for Srcu {}

    impl Srcu {
        pub(in super::super) fn new(
            name: &'static CStr,
            key: Pin<&'static LockClassKey>,
        ) -> impl PinInit<Self, Error> {
            try_pin_init!(Self {
                // INVARIANT: C initialises it, or this fails.
                inner <- Opaque::try_ffi_init(move |place| {
                    // SAFETY: The place is valid for writes, and its content is pinned.
                    to_result(unsafe { initialise(place, name, key) })
                }),
            })
        }

        #[inline]
        pub(in super::super) fn read_lock(&self) -> Guard<'_> {
            // SAFETY: By the type invariant the domain is initialised.
            let index = unsafe { bindings::__srcu_read_lock(self.inner.get()) };
            self.lockdep_acquire();
            // INVARIANT: `__srcu_read_lock()` returned this index to this thread.
            Guard {
                domain: self,
                index,
                thread: PhantomData,
            }
        }

        #[track_caller]
        pub(in super::super) fn synchronize(&self) {
            // SAFETY: By the type invariant the domain is initialised.
            unsafe { bindings::synchronize_srcu(self.inner.get()) };
        }

        #[track_caller]
        pub(in super::super) fn synchronize_expedited(&self) {
            // SAFETY: By the type invariant the domain is initialised.
            unsafe { bindings::synchronize_srcu_expedited(self.inner.get()) };
        }
    }

    #[cfg(CONFIG_DEBUG_LOCK_ALLOC)]
    impl Srcu {
        /// Reports the reader to lockdep, as C's inline `srcu_read_lock()` does.
        fn lockdep_acquire(&self) {
            const IS_TRYLOCK: c_int = 0;
            const RECURSIVE_READER: c_int = 2;
            const CHECK_ALL: c_int = 1;
            // SAFETY: By the type invariant the domain is initialised, including its lockdep map.
            unsafe {
                bindings::lock_acquire(
                    self.lockdep_map(),
                    0,
                    IS_TRYLOCK,
                    RECURSIVE_READER,
                    CHECK_ALL,
                    ptr::null_mut(),
                    Self::read_lock as *const () as c_ulong,
                )
            };
        }

        /// Reports the reader's end to lockdep, as C's inline `srcu_read_unlock()` does.
        fn lockdep_release(&self) {
            let place = Self::lockdep_release as *const () as c_ulong;
            // SAFETY: The guard that calls this has acquired the map, in the same thread.
            unsafe { bindings::lock_release(self.lockdep_map(), place) };
        }

        fn lockdep_map(&self) -> *mut bindings::lockdep_map {
            // SAFETY: The structure is live, so the address of its field is in bounds.
            unsafe { ptr::addr_of_mut!((*self.inner.get()).dep_map) }
        }
    }

    #[cfg(not(CONFIG_DEBUG_LOCK_ALLOC))]
    impl Srcu {
        #[inline(always)]
        fn lockdep_acquire(&self) {}

        #[inline(always)]
        fn lockdep_release(&self) {}
    }

    #[pinned_drop]
    impl PinnedDrop for Srcu {
        fn drop(self: Pin<&mut Self>) {
            let domain = self.inner.get();
            // SAFETY: By the type invariant the domain is initialised.
            unsafe { bindings::srcu_barrier(domain) };
            // If a reader or a grace period is left, this returns without freeing anything. The
            // drop of `super::super::Srcu` has waited for both.
            // SAFETY: By the type invariant the domain is initialised. `srcu_barrier()` has waited
            // for the callbacks, and nobody borrows a domain that is being dropped.
            unsafe { bindings::cleanup_srcu_struct(domain) };
        }
    }

    /// # Safety
    ///
    /// `place` is valid for writes, and its content does not move while it is initialised.
    #[cfg(CONFIG_DEBUG_LOCK_ALLOC)]
    unsafe fn initialise(
        place: *mut bindings::srcu_struct,
        name: &'static CStr,
        key: Pin<&'static LockClassKey>,
    ) -> c_int {
        // `as_ptr()` of a key is private in these kernels. A key is `repr(transparent)` around C's.
        let key = ptr::from_ref(key.get_ref()).cast_mut().cast();
        // SAFETY: The caller guarantees the place; name and key are static.
        unsafe { bindings::__init_srcu_struct(place, name.as_char_ptr(), key) }
    }

    /// # Safety
    ///
    /// `place` is valid for writes, and its content does not move while it is initialised.
    #[cfg(not(CONFIG_DEBUG_LOCK_ALLOC))]
    unsafe fn initialise(
        place: *mut bindings::srcu_struct,
        _name: &'static CStr,
        _key: Pin<&'static LockClassKey>,
    ) -> c_int {
        // SAFETY: The caller guarantees that the place is valid for writes and its content pinned.
        unsafe { bindings::init_srcu_struct(place) }
    }

    /// # Invariants
    ///
    /// `__srcu_read_lock()` of `domain` returned `index` to this thread, which has not unlocked it
    /// yet.
    pub(in super::super) struct Guard<'a> {
        domain: &'a Srcu,
        index: c_int,
        /// Keeps the guard in its thread, where the section must end.
        thread: PhantomData<*mut ()>,
    }

    impl Drop for Guard<'_> {
        #[inline]
        fn drop(&mut self) {
            self.domain.lockdep_release();
            // SAFETY: By the type invariants the domain is initialised, and this thread holds
            // `index`.
            unsafe { bindings::__srcu_read_unlock(self.domain.inner.get(), self.index) };
        }
    }
}
