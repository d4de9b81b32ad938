// SPDX-License-Identifier: GPL-2.0

//! Unpublished objects that wait for a grace period.

#![expect(unsafe_code, reason = "hands objects to C as raw pointers")]

use super::{
    compat,
    context::assert_may_wait,
    drain::{self, log_leak, Permit},
    object::{self, Object},
    reclaim::{dispose, reclaim, tear_down, Context, InSoftirq, InWorkqueue},
    work, Domain, Global, Reclaim, Srcu, UniqueRcuBox,
};
use core::{
    mem::{self, ManuallyDrop},
    ptr::{self, NonNull},
};
use kernel::bindings;

/// An object that new readers cannot reach and that old readers may still be reading.
///
/// It can neither be read nor freed. `D` is the domain of these readers: [`Global`] for RCU, or
/// `&Srcu`. A retired object of an SRCU domain cannot outlive the domain.
///
/// Exactly one of these methods consumes it:
///
/// | method | waits | then | in C |
/// |---|---|---|---|
/// | [`synchronize`](Self::synchronize) | yes | returns the object | `synchronize_rcu()` |
/// | [`synchronize_expedited`](Self::synchronize_expedited) | shortly | returns the object | `synchronize_rcu_expedited()` |
/// | [`start_poll`](Self::start_poll), [`start_poll_expedited`](Self::start_poll_expedited), [`snapshot`](Self::snapshot) | no | returns the object when polled later | `start_poll_synchronize_rcu()` |
/// | [`call_rcu`](Self::call_rcu), [`call_rcu_hurry`](Self::call_rcu_hurry) | no | reclaims it with bottom halves off | `call_rcu()` |
/// | [`call_srcu`](Self::call_srcu) | no | the same after a grace period of SRCU | `call_srcu()` |
/// | [`queue_work`](Self::queue_work) | no | reclaims it in process context | `queue_rcu_work()` |
/// | [`kvfree_rcu`](Self::kvfree_rcu) | no | frees the memory, without a destructor | `kvfree_rcu()` |
/// | [`kvfree_rcu_mightsleep`](Self::kvfree_rcu_mightsleep) | seldom | the same, without an `rcu_head` | `kvfree_rcu_mightsleep()` |
///
/// Dropping it is the same as `call_rcu()`, `call_srcu()` or `queue_work()`, depending on the domain
/// and on [`Reclaim::Context`]. The drop of a [`Headless`](super::Headless) object waits for a grace
/// period. The drop never frees the object at once.
///
/// # Examples
///
/// ```
/// use kernel::prelude::*;
/// use rcu_routes::rcu::{Rcu, UniqueRcuBox, Reclaim, Softirq};
/// # struct Config(u32);
/// # impl Reclaim for Config { type Context = Softirq; }
///
/// let config = Rcu::new(UniqueRcuBox::new(Config(1), GFP_KERNEL)?);
///
/// // Wait, and use the old object again.
/// let mut again = config.replace(None).unwrap().synchronize();
/// again.0 += 1;
/// config.replace(Some(again));
///
/// // Do not wait.
/// config.replace(None).unwrap().call_rcu();
/// # Ok::<(), Error>(())
/// ```
///
/// With readers that sleep: see [`SrcuPointer`](super::SrcuPointer).
///
/// # Invariants
///
/// `object` came from `UniqueRcuBox::into_raw` and this value owns it. Only readers of `domain`
/// could reach it, and those that begin from now on cannot.
#[must_use = "choose how it is reclaimed; its drop does call_rcu() or queue_work()"]
pub struct Retired<T: Reclaim + ?Sized, D: Domain = Global> {
    object: NonNull<Object<T>>,
    domain: D,
}

// SAFETY: It owns a `T`, which is `Send` by `Reclaim`; its domain is `Send`.
unsafe impl<T: Reclaim + ?Sized, D: Domain> Send for Retired<T, D> {}
// SAFETY: A shared reference to it gives no access to the object.
unsafe impl<T: Reclaim + ?Sized, D: Domain> Sync for Retired<T, D> {}

impl<T: Reclaim + ?Sized, D: Domain> Retired<T, D> {
    /// Tears the object down, and retires it.
    ///
    /// # Safety
    ///
    /// `object` came from `UniqueRcuBox::into_raw`. The caller owns it and has unpublished it. Only
    /// readers of `domain` could reach it.
    #[inline]
    pub(super) unsafe fn new(object: NonNull<Object<T>>, domain: D) -> Self {
        // SAFETY: The caller owns the object and has unpublished it, and guarantees the domain.
        let retired = unsafe { Self::torn_down(object, domain) };
        // SAFETY: The object is owned, and readers only read it. Nothing moves it until it is
        // dropped: `UniqueRcuBox` gives `&mut` only to `Unpin` types.
        tear_down(unsafe { object::pinned_value(object) });
        retired
    }

    /// Retires an object that was torn down.
    ///
    /// # Safety
    ///
    /// As for [`Self::new`].
    #[inline]
    pub(super) unsafe fn torn_down(object: NonNull<Object<T>>, domain: D) -> Self {
        // INVARIANT: The caller passes the ownership on, and new readers cannot reach what is
        // unpublished.
        Self { object, domain }
    }

    fn into_object(self) -> NonNull<Object<T>> {
        ManuallyDrop::new(self).object
    }

    #[inline]
    pub(super) fn domain(&self) -> D {
        self.domain
    }

    /// Returns the object after its grace period.
    ///
    /// # Safety
    ///
    /// A grace period of the domain that began after the object was unpublished has ended.
    pub(super) unsafe fn into_box(self) -> UniqueRcuBox<T> {
        // SAFETY: By the type invariant this owns the object, and only readers from before it was
        // unpublished could reach it. The grace period has waited for them.
        unsafe { UniqueRcuBox::from_raw(self.into_object()) }
    }

    /// Waits for a grace period and returns the object: C's `synchronize_rcu()` or
    /// `synchronize_srcu()`.
    ///
    /// Context: may sleep; must not be called inside a read-side critical section of RCU or of the
    /// domain.
    #[track_caller]
    pub fn synchronize(self) -> UniqueRcuBox<T> {
        self.domain.synchronize();
        // SAFETY: By the type invariant the object was unpublished before this grace period began.
        unsafe { self.into_box() }
    }

    /// Waits for a grace period that ends sooner, and returns the object. C's
    /// `synchronize_rcu_expedited()` disturbs all CPUs; `synchronize_srcu_expedited()` spins before
    /// it sleeps.
    ///
    /// Context: as for [`Self::synchronize`].
    #[track_caller]
    pub fn synchronize_expedited(self) -> UniqueRcuBox<T> {
        self.domain.synchronize_expedited();
        // SAFETY: By the type invariant the object was unpublished before this grace period began.
        unsafe { self.into_box() }
    }

    /// Reclaims the object in process context after a grace period, without waiting for it: C's
    /// `queue_rcu_work()`. Does not compile for types whose objects have no work item.
    ///
    /// In a module that `module!` declares, in place of `drained_module!`, the object is leaked, with
    /// an error in the log. In user space it needs a [`CallbackDrain`](super::CallbackDrain).
    ///
    /// Context: any but NMI.
    pub fn queue_work(self)
    where
        T::Context: InWorkqueue,
    {
        self.queue_reclaim_work();
    }

    /// Reclaims the object in process context after a grace period.
    fn queue_reclaim_work(self) {
        match Permit::new() {
            Some(permit) => self.queue_callback(&permit, queue_work::<T, D>),
            None => self.leak("queue_work()"),
        }
    }

    /// Reclaims the object with bottom halves off after a grace period.
    fn queue_reclaim(self) {
        match Permit::for_callback() {
            Some(permit) => self.queue_callback(&permit, reclaim_object::<T, D>),
            None => self.leak(D::CALL),
        }
    }

    /// Passes the object to `callback` after a grace period.
    fn queue_callback(
        self,
        permit: &Permit,
        callback: unsafe extern "C" fn(*mut bindings::callback_head),
    ) {
        permit.announce_callback::<D>();
        let domain = self.domain;
        let head = self.into_object().cast::<bindings::callback_head>();
        // SAFETY: By the type invariant this owned the object. It begins with its head, as the
        // callers have checked by its context. Unload waits for each callback that was queued with a
        // permit.
        unsafe { domain.call(head.as_ptr(), callback) };
    }

    #[cold]
    fn leak(self, ending: &str) {
        log_leak::<T>(ending);
        mem::forget(self);
    }
}

impl<T: Reclaim + ?Sized> Retired<T> {
    const IS_PLAIN_MEMORY: () = {
        core::assert!(!mem::needs_drop::<T>(), "kvfree_rcu() runs no destructor");
        core::assert!(
            T::RECLAIM.is_none(),
            "kvfree_rcu() would skip Reclaim::RECLAIM"
        );
    };

    const HAS_HEAD: () = core::assert!(
        T::Context::HAS_HEAD,
        "kvfree_rcu() needs an rcu_head; use kvfree_rcu_mightsleep()"
    );

    /// Frees the memory after a grace period, without running any code of this module: C's
    /// `kvfree_rcu()`. Does not compile for types with a destructor or [`Reclaim::RECLAIM`], nor
    /// for [`Headless`](super::Headless) objects.
    ///
    /// Context: any.
    // rustc does not inline a cold function, so an error of the assertion names the caller's line.
    // LLVM inlines it.
    #[cold]
    pub fn kvfree_rcu(self) {
        let () = Self::IS_PLAIN_MEMORY;
        let () = Self::HAS_HEAD;
        let object = self.into_object().as_ptr();
        // SAFETY: By the type invariant the object is unpublished and owned. It is an allocation of
        // a `KernelAllocator` that begins with its head, whose type in C depends on the kernel.
        unsafe { bindings::kvfree_call_rcu(object.cast(), object.cast()) };
    }

    /// Frees the memory after a grace period as [`Self::kvfree_rcu`] does, but without an
    /// `rcu_head`: C's `kvfree_rcu_mightsleep()`. It waits for the grace period only if there is no
    /// memory for a note of the object. Does not compile for types with a destructor or
    /// [`Reclaim::RECLAIM`].
    ///
    /// Context: may sleep; must not be called inside a read-side critical section.
    #[track_caller]
    pub fn kvfree_rcu_mightsleep(self) {
        let () = Self::IS_PLAIN_MEMORY;
        assert_may_wait("Retired::kvfree_rcu_mightsleep()");
        let object = self.into_object().as_ptr();
        // SAFETY: By the type invariant the object is unpublished and owned. It is an allocation of
        // a `KernelAllocator`. The caller is no reader, as checked above, so C may wait and free
        // it.
        unsafe { bindings::kvfree_call_rcu(ptr::null_mut(), object.cast()) };
    }

    /// Reclaims the object with bottom halves off after a grace period, without waiting for it: C's
    /// `call_rcu()`. Does not compile for types whose destructor may sleep.
    ///
    /// In a module that `module!` declares, in place of `drained_module!`, the object is leaked, with
    /// an error in the log.
    ///
    /// Context: any.
    pub fn call_rcu(self)
    where
        T::Context: InSoftirq,
    {
        self.queue_reclaim();
    }

    /// Reclaims the object as [`Self::call_rcu`] does, for code that waits for that: C's
    /// `call_rcu_hurry()`. With `CONFIG_RCU_LAZY` other callbacks may be delayed for seconds, to
    /// save energy.
    ///
    /// Context: any.
    pub fn call_rcu_hurry(self)
    where
        T::Context: InSoftirq,
    {
        let Some(permit) = Permit::for_callback() else {
            return self.leak("call_rcu_hurry()");
        };
        permit.announce_callback::<Global>();
        let head = self.into_object().cast::<bindings::callback_head>();
        // SAFETY: By the type invariant this owned the object, so its head is in no other list of
        // callbacks. Unload waits for each callback that was queued with a permit.
        unsafe { compat::call_rcu_hurry(head.as_ptr(), Some(reclaim::<T>)) };
    }
}

impl<T: Reclaim + ?Sized> Retired<T, &Srcu> {
    /// Reclaims the object with bottom halves off after a grace period of its domain, without
    /// waiting for it: C's `call_srcu()`.
    ///
    /// Does not compile for types whose destructor may sleep: the callback runs in a kernel thread,
    /// but must not sleep. [`Srcu::barrier`] waits for it, and so does the drop of the domain.
    ///
    /// Context: any but NMI.
    pub fn call_srcu(self)
    where
        T::Context: InSoftirq,
    {
        self.queue_reclaim();
    }
}

impl<T: Reclaim + ?Sized, D: Domain> Drop for Retired<T, D> {
    fn drop(&mut self) {
        // INVARIANT: The new value owns the object; `self` is not used again.
        let deferred = Self {
            object: self.object,
            domain: self.domain,
        };
        if !T::Context::HAS_HEAD {
            dispose(deferred.synchronize());
        } else if T::Context::MAY_SLEEP {
            deferred.queue_reclaim_work();
        } else {
            deferred.queue_reclaim();
        }
    }
}

/// Reclaims an object; a callback for [`Domain::call`].
///
/// # Safety
///
/// - `head` and `T` are as [`reclaim`] requires.
/// - The callback was announced.
unsafe extern "C" fn reclaim_object<T: Reclaim + ?Sized, D: Domain>(
    head: *mut bindings::callback_head,
) {
    // SAFETY: `queue_callback()` has given the object up, and the grace period of the only domain
    // whose readers could reach it has ended.
    unsafe { reclaim::<T>(head) };
    if D::IS_COUNTED {
        drain::note_end_of_srcu_callback();
    }
}

/// Passes an object on to process context; a callback for [`Domain::call`].
///
/// # Safety
///
/// As for [`reclaim_object`], and `T::Context::HAS_WORK`.
unsafe extern "C" fn queue_work<T: Reclaim + ?Sized, D: Domain>(
    head: *mut bindings::callback_head,
) {
    // SAFETY: `queue_callback()` has given the object up, and the grace period of the only domain
    // whose readers could reach it has ended. It has queued this callback with a permit.
    unsafe { work::queue_reclaim::<T>(head) };
    if D::IS_COUNTED {
        drain::note_end_of_srcu_callback();
    }
}

impl<T: Reclaim + ?Sized> UniqueRcuBox<T> {
    /// Retires the object, which is then reclaimed after a grace period, as if it had been
    /// published. Use it if readers may have found the object other than through an
    /// [`Rcu`](super::Rcu).
    ///
    /// Context: any.
    pub fn retire(self) -> Retired<T> {
        // SAFETY: A `UniqueRcuBox` owns its object, which is not published.
        unsafe { Retired::new(self.into_raw(), Global) }
    }
}
