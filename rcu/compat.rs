// SPDX-License-Identifier: GPL-2.0

//! Every difference between the kernels that the library is built for, 6.18 to 7.3.
//!
//! `Kbuild` passes `--cfg kernel_7_3` for kernels from 7.3 on.

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

/// The system's workqueue of bound workers.
#[cfg(not(kernel_7_3))]
pub(super) fn system_workqueue() -> *mut bindings::workqueue_struct {
    core::ptr::from_ref(kernel::workqueue::system())
        .cast_mut()
        .cast()
}

/// The same, of which the kernel crate has only the name that the kernel warns of.
#[cfg(kernel_7_3)]
pub(super) fn system_workqueue() -> *mut kernel::bindings::workqueue_struct {
    // SAFETY: The kernel sets it once, before any module is loaded.
    unsafe { kernel::bindings::system_percpu_wq }
}

/// Context: may sleep; not inside a read-side critical section.
#[cfg(not(kernel_7_3))]
#[track_caller]
pub(super) fn synchronize_rcu() {
    // SAFETY: No memory safety requirement.
    unsafe { bindings::synchronize_rcu() };
}

/// Context: may sleep; neither inside a read-side critical section nor in a callback.
#[cfg(not(kernel_7_3))]
#[track_caller]
pub(super) fn rcu_barrier() {
    // SAFETY: No memory safety requirement.
    unsafe { bindings::rcu_barrier() };
}

/// What later kernels have in their own `kernel::sync::srcu`.
#[cfg(not(kernel_7_3))]
mod srcu {
    use core::marker::PhantomData;
    #[cfg(CONFIG_DEBUG_LOCK_ALLOC)]
    use core::ptr;
    use kernel::{bindings, error::to_result, prelude::*, sync::LockClassKey, types::Opaque};

    /// # Invariants
    ///
    /// `inner` is initialised, and neither moves nor is cleaned up before the drop.
    #[repr(transparent)]
    #[pin_data(PinnedDrop)]
    pub(in super::super) struct Srcu {
        #[pin]
        inner: Opaque<bindings::srcu_struct>,
    }

    // SAFETY: SRCU's functions synchronise by themselves, and a domain belongs to no thread.
    unsafe impl Send for Srcu {}
    // SAFETY: As above.
    unsafe impl Sync for Srcu {}

    impl Srcu {
        pub(in super::super) fn new(
            name: &'static CStr,
            key: Pin<&'static LockClassKey>,
        ) -> impl PinInit<Self, Error> {
            try_pin_init!(Self {
                // INVARIANT: C has initialised it, unless this fails.
                inner <- Opaque::try_ffi_init(move |place| {
                    // SAFETY: The place has room for the structure, and it stays there.
                    to_result(unsafe { initialise(place, name, key) })
                }),
            })
        }

        #[inline]
        pub(in super::super) fn read_lock(&self) -> Guard<'_> {
            // SAFETY: By the type invariant it is initialised.
            let index = unsafe { bindings::__srcu_read_lock(self.inner.get()) };
            self.tell_lockdep_of_entry();
            // INVARIANT: That was the lock.
            Guard {
                domain: self,
                index,
                thread: PhantomData,
            }
        }

        #[track_caller]
        pub(in super::super) fn synchronize(&self) {
            // SAFETY: By the type invariant it is initialised.
            unsafe { bindings::synchronize_srcu(self.inner.get()) };
        }

        #[track_caller]
        pub(in super::super) fn synchronize_expedited(&self) {
            // SAFETY: By the type invariant it is initialised.
            unsafe { bindings::synchronize_srcu_expedited(self.inner.get()) };
        }
    }

    #[cfg(CONFIG_DEBUG_LOCK_ALLOC)]
    impl Srcu {
        /// What C's inline `srcu_read_lock()` does besides.
        fn tell_lockdep_of_entry(&self) {
            const IS_TRYLOCK: c_int = 0;
            const RECURSIVE_READER: c_int = 2;
            const CHECK_ALL: c_int = 1;
            // SAFETY: By the type invariant the structure is initialised, and with it its lockdep map.
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

        /// What C's inline `srcu_read_unlock()` does besides.
        fn tell_lockdep_of_exit(&self) {
            let place = Self::tell_lockdep_of_exit as *const () as c_ulong;
            // SAFETY: The guard that calls this has acquired it, in the same thread.
            unsafe { bindings::lock_release(self.lockdep_map(), place) };
        }

        fn lockdep_map(&self) -> *mut bindings::lockdep_map {
            // SAFETY: The address of a field of a live structure.
            unsafe { ptr::addr_of_mut!((*self.inner.get()).dep_map) }
        }
    }

    #[cfg(not(CONFIG_DEBUG_LOCK_ALLOC))]
    impl Srcu {
        #[inline(always)]
        fn tell_lockdep_of_entry(&self) {}

        #[inline(always)]
        fn tell_lockdep_of_exit(&self) {}
    }

    #[pinned_drop]
    impl PinnedDrop for Srcu {
        fn drop(self: Pin<&mut Self>) {
            let domain = self.inner.get();
            // SAFETY: By the type invariant it is initialised.
            unsafe { bindings::srcu_barrier(domain) };
            // It frees nothing and returns, if readers or a grace period are left. `super::super::Srcu`
            // has waited for both before it comes here.
            // SAFETY: By the type invariant it is initialised. Nobody uses it any more: no callback after
            // `srcu_barrier()`, and nobody else, as it is being dropped.
            unsafe { bindings::cleanup_srcu_struct(domain) };
        }
    }

    /// # Safety
    ///
    /// `place` is valid for writing, and what is there does not move while it is initialised.
    #[cfg(CONFIG_DEBUG_LOCK_ALLOC)]
    unsafe fn initialise(
        place: *mut bindings::srcu_struct,
        name: &'static CStr,
        key: Pin<&'static LockClassKey>,
    ) -> c_int {
        // The key's own `as_ptr()` is private in these kernels. It is `repr(transparent)` around C's.
        let key = ptr::from_ref(key.get_ref()).cast_mut().cast();
        // SAFETY: For the place the caller vouches; name and key are static.
        unsafe { bindings::__init_srcu_struct(place, name.as_char_ptr(), key) }
    }

    /// # Safety
    ///
    /// `place` is valid for writing, and what is there does not move while it is initialised.
    #[cfg(not(CONFIG_DEBUG_LOCK_ALLOC))]
    unsafe fn initialise(
        place: *mut bindings::srcu_struct,
        _name: &'static CStr,
        _key: Pin<&'static LockClassKey>,
    ) -> c_int {
        // SAFETY: As the caller promises.
        unsafe { bindings::init_srcu_struct(place) }
    }

    /// # Invariants
    ///
    /// `index` is what `__srcu_read_lock()` of `domain` has returned to this thread, and it has not been
    /// unlocked.
    pub(in super::super) struct Guard<'a> {
        domain: &'a Srcu,
        index: c_int,
        /// A reader leaves in the thread in which it came.
        thread: PhantomData<*mut ()>,
    }

    impl Drop for Guard<'_> {
        #[inline]
        fn drop(&mut self) {
            self.domain.tell_lockdep_of_exit();
            // SAFETY: By the type invariants the domain is initialised, and this is the index.
            unsafe { bindings::__srcu_read_unlock(self.domain.inner.get(), self.index) };
        }
    }
}
