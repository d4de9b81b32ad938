// SPDX-License-Identifier: GPL-2.0

//! Unpublished objects that wait for a grace period of an SRCU domain.
//!
//! C header: [`include/linux/srcu.h`](srctree/include/linux/srcu.h)

#![expect(unsafe_code, reason = "hands objects to C as raw pointers")]

use super::{
    drain::{self, log_leak, Permit},
    object::{self, Object},
    reclaim::{reclaim, tear_down, Context, InSoftirq, InWorkqueue},
    work, Reclaim, Srcu, SrcuGracePeriod, UniqueRcuBox,
};
use core::{
    mem::{self, ManuallyDrop},
    ptr::NonNull,
};
use kernel::bindings;

/// An object that new readers of its [`SrcuPointer`](super::SrcuPointer) cannot reach and that old
/// readers may still be reading.
///
/// It can neither be read nor freed, and cannot outlive the pointer. Exactly one of these
/// methods consumes it:
///
/// | method | waits | then | in C |
/// |---|---|---|---|
/// | [`synchronize`](Self::synchronize) | yes | returns the object | `synchronize_srcu()` |
/// | [`synchronize_expedited`](Self::synchronize_expedited) | shortly, if readers are short | returns the object | `synchronize_srcu_expedited()` |
/// | [`start_poll`](Self::start_poll), [`snapshot`](Self::snapshot) | no | returns the object when polled later | `start_poll_synchronize_srcu()` |
/// | [`call_srcu`](Self::call_srcu) | no | reclaims it with bottom halves off | `call_srcu()` |
/// | [`queue_work`](Self::queue_work) | no | reclaims it in process context | `call_srcu()` and a work item |
///
/// Dropping it is the same as `call_srcu()` or `queue_work()`, depending on [`Reclaim::Context`].
/// The drop never frees the object at once.
///
/// # Examples
///
/// ```
/// use kernel::{prelude::*, sync::Arc};
/// use rcu_routes::rcu::{new_srcu, UniqueRcuBox, SrcuPointer};
/// # struct Config(u32);
/// # impl rcu_routes::rcu::Reclaim for Config { type Context = rcu_routes::rcu::Softirq; }
///
/// let first = UniqueRcuBox::new(Config(1), GFP_KERNEL)?;
/// let config = Arc::pin_init(SrcuPointer::new(Some(first), new_srcu!("config")), GFP_KERNEL)?;
///
/// // Wait, and use the old object again.
/// let mut again = config.replace(None).unwrap().synchronize_expedited();
/// again.0 += 1;
/// config.replace(Some(again));
///
/// // Do not wait.
/// config.replace(None).unwrap().call_srcu();
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// `object` came from `UniqueRcuBox::into_raw` and this value owns it. Only readers of `domain`
/// could reach it, and those that begin from now on cannot.
#[must_use = "choose how it is reclaimed; its drop does call_srcu() or queue_work()"]
pub struct SrcuRetired<'a, T: Reclaim + ?Sized> {
    object: NonNull<Object<T>>,
    domain: &'a Srcu,
}

// SAFETY: It owns a `T`, which is `Send` by `Reclaim`; its domain is `Sync`.
unsafe impl<T: Reclaim + ?Sized> Send for SrcuRetired<'_, T> {}
// SAFETY: A shared reference to it gives no access to the object.
unsafe impl<T: Reclaim + ?Sized> Sync for SrcuRetired<'_, T> {}

impl<'a, T: Reclaim + ?Sized> SrcuRetired<'a, T> {
    /// Tears the object down, and retires it.
    ///
    /// # Safety
    ///
    /// `object` came from `UniqueRcuBox::into_raw`. The caller owns it and has unpublished it. Only
    /// readers of `domain` could reach it.
    #[inline]
    pub(super) unsafe fn new(object: NonNull<Object<T>>, domain: &'a Srcu) -> Self {
        // INVARIANT: The caller passes the ownership on, and new readers cannot reach what is
        // unpublished.
        let retired = Self { object, domain };
        // SAFETY: The object is owned, and readers only read it. Nothing moves it until it is
        // dropped: `UniqueRcuBox` gives `&mut` only to `Unpin` types.
        tear_down(unsafe { object::pinned_value(object) });
        retired
    }

    fn into_object(self) -> NonNull<Object<T>> {
        ManuallyDrop::new(self).object
    }

    /// Returns the object after its grace period.
    ///
    /// # Safety
    ///
    /// A grace period of the domain that began after the object was unpublished has ended.
    unsafe fn into_box(self) -> UniqueRcuBox<T> {
        // SAFETY: By the type invariant this owns the object, and only readers from before it was
        // unpublished could reach it. The grace period has waited for them.
        unsafe { UniqueRcuBox::from_raw(self.into_object()) }
    }

    /// Waits for a grace period and returns the object: C's `synchronize_srcu()`.
    ///
    /// Context: as for [`Srcu::synchronize`].
    #[track_caller]
    pub fn synchronize(self) -> UniqueRcuBox<T> {
        self.domain.synchronize();
        // SAFETY: By the type invariant the object was unpublished before this grace period began.
        unsafe { self.into_box() }
    }

    /// Waits for a grace period, spinning before it sleeps, and returns the object: C's
    /// `synchronize_srcu_expedited()`.
    ///
    /// Context: as for [`Srcu::synchronize`].
    #[track_caller]
    pub fn synchronize_expedited(self) -> UniqueRcuBox<T> {
        self.domain.synchronize_expedited();
        // SAFETY: By the type invariant the object was unpublished before this grace period began.
        unsafe { self.into_box() }
    }

    /// Starts a grace period if necessary. The object can be polled for its end: C's
    /// `start_poll_synchronize_srcu()`.
    ///
    /// Context: any but NMI.
    pub fn start_poll(self) -> SrcuPolled<'a, T> {
        self.with_cookie(SrcuGracePeriod::start)
    }

    /// Starts no grace period. The object can be polled for the end of one that other code starts:
    /// C's `get_state_synchronize_srcu()`.
    ///
    /// Context: any.
    pub fn snapshot(self) -> SrcuPolled<'a, T> {
        self.with_cookie(SrcuGracePeriod::snapshot)
    }

    fn with_cookie(self, new_cookie: fn(&'a Srcu) -> SrcuGracePeriod<'a>) -> SrcuPolled<'a, T> {
        let cookie = new_cookie(self.domain);
        // INVARIANT: By the invariant of `SrcuRetired` the object was unpublished before.
        SrcuPolled {
            retired: self,
            cookie,
        }
    }

    /// Reclaims the object in process context after a grace period.
    fn queue_reclaim_work(self) {
        match Permit::new() {
            Some(permit) => self.queue_callback(&permit, queue_work::<T>),
            None => self.leak("SrcuRetired::queue_work()"),
        }
    }

    /// Reclaims the object with bottom halves off after a grace period.
    fn queue_reclaim(self) {
        match Permit::for_callback() {
            Some(permit) => self.queue_callback(&permit, reclaim_object::<T>),
            None => self.leak("SrcuRetired::call_srcu()"),
        }
    }

    /// Gives the object to `call_srcu()`, which passes it to `callback`.
    fn queue_callback(
        self,
        permit: &Permit,
        callback: unsafe extern "C" fn(*mut bindings::callback_head),
    ) {
        permit.announce_srcu_callback();
        let domain = self.domain.as_raw();
        let head = self.into_object().cast::<bindings::callback_head>();
        // SAFETY: By the type invariant this owned the object, so its head is in no other list of
        // callbacks. The domain is live until the callback has run: its drop waits, and a domain
        // that is never dropped remains. The drain behind the permit keeps the callback's code
        // loaded until then.
        unsafe { bindings::call_srcu(domain, head.as_ptr(), Some(callback)) };
    }

    #[cold]
    fn leak(self, ending: &str) {
        log_leak::<T>(ending);
        mem::forget(self);
    }
}

impl<T: Reclaim + ?Sized> SrcuRetired<'_, T> {
    /// Reclaims the object with bottom halves off after a grace period, without waiting for it: C's
    /// `call_srcu()`.
    ///
    /// Does not compile for types whose destructor may sleep: the callback runs in a kernel thread,
    /// but must not sleep.
    ///
    /// [`Srcu::barrier`] of the pointer's domain waits for it, and so do the drop of the pointer and
    /// the module's unload. See [`Retired::call_rcu`](super::Retired::call_rcu) for a module that
    /// does not wait.
    ///
    /// Context: any but NMI.
    pub fn call_srcu(self)
    where
        T::Context: InSoftirq,
    {
        self.queue_reclaim();
    }

    /// Reclaims the object in process context after a grace period, without waiting for it.
    ///
    /// Unlike a callback, the work may outlive the pointer. See
    /// [`Retired::queue_work`](super::Retired::queue_work) for a module that does not wait.
    ///
    /// Context: any but NMI.
    pub fn queue_work(self)
    where
        T::Context: InWorkqueue,
    {
        self.queue_reclaim_work();
    }
}

impl<T: Reclaim + ?Sized> Drop for SrcuRetired<'_, T> {
    fn drop(&mut self) {
        // INVARIANT: The new value owns the object; `self` is not used again.
        let deferred = Self {
            object: self.object,
            domain: self.domain,
        };
        if T::Context::MAY_SLEEP {
            deferred.queue_reclaim_work();
        } else {
            deferred.queue_reclaim();
        }
    }
}

/// Reclaims an object; a callback for `call_srcu()`.
///
/// # Safety
///
/// - `head` and `T` are as [`reclaim`] requires.
/// - The callback was announced.
unsafe extern "C" fn reclaim_object<T: Reclaim + ?Sized>(head: *mut bindings::callback_head) {
    // SAFETY: SRCU passes the head of an object whose owner gave it up to `call_srcu()`. The grace
    // period of the only domain whose readers could reach it has ended.
    unsafe { reclaim::<T>(head) };
    drain::note_end_of_srcu_callback();
}

/// Passes an object on to process context; a callback for `call_srcu()`.
///
/// # Safety
///
/// As for [`reclaim_object`], and `T::Context::HAS_WORK`.
unsafe extern "C" fn queue_work<T: Reclaim + ?Sized>(head: *mut bindings::callback_head) {
    // SAFETY: SRCU passes the head of an object whose owner gave it up to `call_srcu()`. The grace
    // period of the only domain whose readers could reach it has ended. The drain waits for this
    // callback.
    unsafe { work::queue_reclaim::<T>(head) };
    drain::note_end_of_srcu_callback();
}

/// An [`SrcuRetired`] object with the cookie of the grace period that it waits for.
///
/// Dropping it drops the [`SrcuRetired`] object, which is then reclaimed after a grace period.
///
/// # Examples
///
/// ```
/// use kernel::{prelude::*, sync::Arc};
/// use rcu_routes::rcu::{new_srcu, UniqueRcuBox, SrcuPointer};
/// # struct Config(u32);
/// # impl rcu_routes::rcu::Reclaim for Config { type Context = rcu_routes::rcu::Softirq; }
///
/// let first = UniqueRcuBox::new(Config(1), GFP_KERNEL)?;
/// let config = Arc::pin_init(SrcuPointer::new(Some(first), new_srcu!("config")), GFP_KERNEL)?;
/// let reader = config.read_lock();
/// let old = config.replace(None).unwrap().start_poll();
/// let old = old.try_reclaim().err().expect("the reader has not ended");
/// drop(reader);
/// config.domain().synchronize();
/// assert_eq!(old.try_reclaim().ok().unwrap().0, 1);
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// `cookie` belongs to the domain of `retired`, and was created after the object was unpublished.
#[must_use = "poll again later"]
pub struct SrcuPolled<'a, T: Reclaim + ?Sized> {
    retired: SrcuRetired<'a, T>,
    cookie: SrcuGracePeriod<'a>,
}

impl<T: Reclaim + ?Sized> SrcuPolled<'_, T> {
    /// Returns whether the grace period has ended.
    ///
    /// Context: any.
    pub fn is_complete(&self) -> bool {
        self.cookie.is_complete()
    }

    /// Returns the object if its grace period has ended: C's `poll_state_synchronize_srcu()`.
    ///
    /// Errors: `self`, if the grace period has not ended. Context: any.
    pub fn try_reclaim(self) -> Result<UniqueRcuBox<T>, Self> {
        if !self.is_complete() {
            return Err(self);
        }
        // SAFETY: By the type invariant the grace period began after the object was unpublished,
        // and it has ended.
        Ok(unsafe { self.retired.into_box() })
    }
}
