// SPDX-License-Identifier: GPL-2.0

//! Objects on their way from unpublished to reclaimed.

use super::{
    boxed::{object_of, Context, Head, Object},
    drain::InPlace,
    grace_period, work, GracePeriod, Polled, RcuBox, Reclaim, Softirq,
};
use core::{
    any::type_name,
    mem::{self, ManuallyDrop},
    ptr::NonNull,
};
use kernel::{bindings, prelude::*};

/// An object that new readers cannot reach and old ones may still be reading.
///
/// It can neither be read nor freed. It ends in exactly one way:
///
/// | ending | waits | then | in C |
/// |---|---|---|---|
/// | [`synchronize`](Self::synchronize) | yes | gives the object back | `synchronize_rcu()` |
/// | [`synchronize_expedited`](Self::synchronize_expedited) | shortly | gives the object back | `synchronize_rcu_expedited()` |
/// | [`start_poll`](Self::start_poll), [`start_poll_expedited`](Self::start_poll_expedited), [`snapshot`](Self::snapshot) | no | gives the object back to who asks again later | `start_poll_synchronize_rcu()` |
/// | [`call_rcu`](Self::call_rcu) | no | [`Reclaim::reclaim`] with bottom halves off | `call_rcu()` |
/// | [`queue_work`](Self::queue_work) | no | [`Reclaim::reclaim`] in process context | `queue_rcu_work()` |
/// | [`kvfree_rcu`](Self::kvfree_rcu) | no | frees the memory, without a destructor | `kvfree_rcu()` |
///
/// Dropped without a choice it goes by `call_rcu()` or `queue_work()`, as [`Reclaim::Context`] says. It
/// is never freed at once.
///
/// # Examples
///
/// ```
/// use kernel::prelude::*;
/// use rcu_routes::rcu::{CallbackDrain, Rcu, RcuBox, Reclaim, Softirq};
/// # struct Config(u32);
/// # impl Reclaim for Config { type Context = Softirq; }
///
/// let drain = CallbackDrain::new(); // Every module has one.
/// let config = Rcu::new(RcuBox::new(Config(1), GFP_KERNEL)?);
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
/// # Invariants
///
/// `object` came from `RcuBox::into_raw`, is owned by this value, and cannot be reached by readers
/// that begin from now on.
#[must_use = "say how it is to be reclaimed; dropping it means call_rcu() or queue_work()"]
pub struct Retired<T: Reclaim + ?Sized> {
    object: NonNull<Object<T>>,
}

// SAFETY: It owns a `T`, which is `Send` by `Reclaim`, and gives no access to it before the end.
unsafe impl<T: Reclaim + ?Sized> Send for Retired<T> {}
// SAFETY: A shared reference to it gives access to nothing.
unsafe impl<T: Reclaim + ?Sized> Sync for Retired<T> {}

impl<T: Reclaim + ?Sized> Retired<T> {
    const HAS_NO_DESTRUCTOR: () =
        assert!(!mem::needs_drop::<T>(), "kvfree_rcu() runs no destructor");

    /// # Safety
    ///
    /// `object` came from `RcuBox::into_raw`, the caller owns it and has unpublished it.
    #[inline]
    pub(super) unsafe fn new(object: NonNull<Object<T>>) -> Self {
        // INVARIANT: As the caller promises.
        Self { object }
    }

    fn into_object(self) -> NonNull<Object<T>> {
        ManuallyDrop::new(self).object
    }

    /// # Safety
    ///
    /// A grace period that began after the object was unpublished has ended.
    pub(super) unsafe fn reclaimable(self) -> RcuBox<T> {
        // SAFETY: By the type invariant the object is owned and no reader that began after it was
        // unpublished can reach it; by the caller's promise every reader from before is done.
        unsafe { RcuBox::from_raw(self.into_object()) }
    }

    /// Waits for a grace period and gives the object back: C's `synchronize_rcu()`.
    ///
    /// Context: may sleep; must not be called inside a read-side critical section.
    #[track_caller]
    pub fn synchronize(self) -> RcuBox<T> {
        grace_period::synchronize();
        // SAFETY: By the type invariant the object was unpublished before this grace period began.
        unsafe { self.reclaimable() }
    }

    /// Waits for a grace period that disturbs all CPUs to end soon, and gives the object back: C's
    /// `synchronize_rcu_expedited()`.
    ///
    /// Context: may sleep; must not be called inside a read-side critical section.
    #[track_caller]
    pub fn synchronize_expedited(self) -> RcuBox<T> {
        grace_period::synchronize_expedited();
        // SAFETY: By the type invariant the object was unpublished before this grace period began.
        unsafe { self.reclaimable() }
    }

    /// Has a grace period started, and the object given back to who asks after its end: C's
    /// `start_poll_synchronize_rcu()`.
    ///
    /// Context: any.
    pub fn start_poll(self) -> Polled<T> {
        // The cookie must be younger than the unpublishing, which the existence of `self` proves.
        let cookie = GracePeriod::start();
        // SAFETY: As above.
        unsafe { Polled::new(self, cookie) }
    }

    /// The same with an expedited grace period: C's `start_poll_synchronize_rcu_expedited()`.
    ///
    /// Context: any.
    pub fn start_poll_expedited(self) -> Polled<T> {
        let cookie = GracePeriod::start_expedited();
        // SAFETY: The cookie was taken after the object was unpublished, as the existence of `self` proves.
        unsafe { Polled::new(self, cookie) }
    }

    /// The same without a grace period being started, for callers who know that others will start one:
    /// C's `get_state_synchronize_rcu()`.
    ///
    /// Context: any.
    pub fn snapshot(self) -> Polled<T> {
        let cookie = GracePeriod::snapshot();
        // SAFETY: The cookie was taken after the object was unpublished, as the existence of `self` proves.
        unsafe { Polled::new(self, cookie) }
    }

    /// Has [`Reclaim::reclaim`] called in process context after a grace period, and does not wait: what
    /// C's `queue_rcu_work()` is for.
    ///
    /// Without a [`CallbackDrain`](super::CallbackDrain) the object is leaked, with an error in the log.
    ///
    /// Context: any.
    pub fn queue_work(self) {
        match InPlace::new() {
            Some(drain) => self.enqueue(&drain, work::callback::<T>),
            None => self.leak("queue_work()"),
        }
    }

    /// Frees the memory after a grace period without running any code of this module: C's
    /// `kvfree_rcu()`. Types with a destructor are refused at compile time.
    ///
    /// Context: any.
    pub fn kvfree_rcu(self) {
        let () = Self::HAS_NO_DESTRUCTOR;
        let object = self.into_object().as_ptr();
        // The head is the first field; from 7.0 on C gives it a type of its own.
        // SAFETY: The object is an allocation of `KBox`, that is of `kmalloc()`, unpublished and owned
        // by the type invariant, and has room for the head in front.
        unsafe { bindings::kvfree_call_rcu(object.cast(), object.cast()) };
    }

    /// Hands the object to `call_rcu()`, for `callback` to take it back.
    fn enqueue(
        self,
        drain: &InPlace,
        callback: unsafe extern "C" fn(*mut bindings::callback_head),
    ) {
        drain.note_callback();
        let head = self.into_object().cast::<bindings::callback_head>();
        // SAFETY: The head stands in front of an owned, unpublished object and is in no other callback
        // list, as only a `Retired` leads here and is consumed. The callback stays loaded until it has
        // run, because `drain` is in place.
        unsafe { bindings::call_rcu(head.as_ptr(), Some(callback)) };
    }

    /// Code that may be unloaded before it is called must not be: better lose the memory.
    #[cold]
    fn leak(self, ending: &str) {
        pr_err!(
            "rcu: {ending} of {} without a CallbackDrain: the object is leaked. Make a CallbackDrain the last field of the module's type and the first to be initialised\n",
            type_name::<T>()
        );
        mem::forget(self);
    }
}

impl<T: Reclaim> Retired<T> {
    /// Takes ownership of what [`RcuBox::with_room`] made and what its own module has published and
    /// unpublished.
    ///
    /// # Safety
    ///
    /// `value` came from `RcuBox::with_room`, the caller owns it and has unpublished it.
    pub unsafe fn from_raw_value(value: NonNull<T>) -> Self {
        // SAFETY: The pointer was made for the whole object.
        let object = unsafe { object_of(value) };
        // SAFETY: As the caller promises.
        unsafe { Self::new(object) }
    }
}

impl<T: Reclaim<Context = Softirq> + ?Sized> Retired<T> {
    /// Has [`Reclaim::reclaim`] called with bottom halves off after a grace period, and does not wait:
    /// C's `call_rcu()`. Types that say their destructor may sleep are refused at compile time.
    ///
    /// In a module without a [`CallbackDrain`](super::CallbackDrain) the object is leaked, with an error
    /// in the log.
    ///
    /// Context: any.
    pub fn call_rcu(self) {
        match InPlace::for_callback() {
            Some(drain) => self.enqueue(&drain, callback::<T>),
            None => self.leak("call_rcu()"),
        }
    }
}

impl<T: Reclaim + ?Sized> Drop for Retired<T> {
    fn drop(&mut self) {
        // INVARIANT: Ownership goes on to the new value; this one is not used again.
        T::Context::defer(Self {
            object: self.object,
        });
    }
}

/// # Safety
///
/// Called by RCU alone, once, with the head of an object that [`Retired::enqueue`] was given.
unsafe extern "C" fn callback<T: Reclaim + ?Sized>(head: *mut bindings::callback_head) {
    // SAFETY: A grace period has ended since the object was unpublished, and ownership comes with it.
    unsafe { reclaim::<T>(head) };
}

/// Has an object reclaimed.
///
/// # Safety
///
/// `head` is that of an object that a `Retired<T>` owned and gave up; a grace period has ended since
/// it was unpublished.
pub(super) unsafe fn reclaim<T: Reclaim + ?Sized>(head: *mut bindings::callback_head) {
    // SAFETY: By the caller's promise it is the head of an object, so not null.
    let head = unsafe { NonNull::new_unchecked(head.cast::<Head>()) };
    // SAFETY: By the caller's promise it is the head of a live object of this type.
    let object = unsafe { T::from_head(head) };
    // SAFETY: By the caller's promise the object was owned by who gave it up, and no reader is left.
    T::reclaim(unsafe { RcuBox::from_raw(object) });
}
