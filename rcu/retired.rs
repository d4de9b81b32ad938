// SPDX-License-Identifier: GPL-2.0

//! Objects on their way from unpublished to reclaimed.

use super::{boxed::Object, grace_period, RcuBox, Reclaim};
use core::{
    mem::{self, ManuallyDrop},
    ptr::{self, NonNull},
};
use kernel::bindings;

/// An object that new readers cannot reach and old ones may still be reading.
///
/// It can neither be read nor freed: it ends in exactly one of [`synchronize`](Self::synchronize),
/// [`call_rcu`](Self::call_rcu) and [`kvfree_rcu`](Self::kvfree_rcu). Dropped without a choice it
/// goes by `call_rcu()`; it is never freed at once.
///
/// # Invariants
///
/// `object` came from `RcuBox::into_raw`, is owned by this value, and cannot be reached by readers
/// that begin from now on.
#[must_use = "say how it is to be reclaimed; dropping it means call_rcu()"]
pub struct Retired<T: Reclaim> {
    object: NonNull<Object<T>>,
}

// SAFETY: It owns a `T`, which is `Send` by `Reclaim`, and gives no access to it before the end.
unsafe impl<T: Reclaim> Send for Retired<T> {}
// SAFETY: A shared reference to it gives access to nothing.
unsafe impl<T: Reclaim> Sync for Retired<T> {}

impl<T: Reclaim> Retired<T> {
    /// # Safety
    ///
    /// `object` came from `RcuBox::into_raw`, the caller owns it and has unpublished it.
    pub(super) unsafe fn new(object: NonNull<Object<T>>) -> Self {
        // INVARIANT: As the caller promises.
        Self { object }
    }

    fn into_object(self) -> NonNull<Object<T>> {
        ManuallyDrop::new(self).object
    }

    /// Waits for a grace period and gives the object back: C's `synchronize_rcu()`.
    ///
    /// Context: may sleep; must not be called inside a read-side critical section.
    #[track_caller]
    pub fn synchronize(self) -> RcuBox<T> {
        grace_period::synchronize();
        // SAFETY: By the type invariant the object is owned and was unpublished before the grace
        // period that has just ended, so every reader that could have reached it is done.
        unsafe { RcuBox::from_raw(self.into_object()) }
    }

    /// Has [`Reclaim::reclaim`] called after a grace period, and does not wait: C's `call_rcu()`.
    ///
    /// Context: any.
    pub fn call_rcu(self) {
        enqueue(self.into_object());
    }

    /// Frees the memory after a grace period without running any code of this module: C's
    /// `kvfree_rcu()`. Types with a destructor are refused at compile time.
    ///
    /// Context: any.
    pub fn kvfree_rcu(self) {
        const { assert!(!mem::needs_drop::<T>(), "kvfree_rcu() runs no destructor") };
        let object = self.into_object().as_ptr();
        // The head is the first field; from 7.0 on C gives it a type of its own.
        // SAFETY: The object is an allocation of `KBox`, that is of `kmalloc()`, unpublished and owned
        // by the type invariant, and has room for the head in front.
        unsafe { bindings::kvfree_call_rcu(object.cast(), object.cast()) };
    }
}

impl<T: Reclaim> Drop for Retired<T> {
    fn drop(&mut self) {
        enqueue(self.object);
    }
}

/// Hands an object that a [`Retired`] owned to `call_rcu()`.
fn enqueue<T: Reclaim>(object: NonNull<Object<T>>) {
    // SAFETY: The object is live, so its field's address is in bounds.
    let head = unsafe { ptr::addr_of_mut!((*object.as_ptr()).head) };
    // SAFETY: The head is part of an owned, unpublished object and in no other callback list, as only
    // a `Retired` leads here and is consumed. The callback stays loaded until it has run, because the
    // module keeps a `CallbackDrain`.
    unsafe { bindings::call_rcu(head.cast(), Some(callback::<T>)) };
}

/// # Safety
///
/// Called by RCU alone, once, with the head of an [`Object<T>`] that [`enqueue`] was given.
unsafe extern "C" fn callback<T: Reclaim>(head: *mut bindings::callback_head) {
    // SAFETY: RCU hands back the pointer it was given, which is not null.
    let object = unsafe { NonNull::new_unchecked(head.cast::<Object<T>>()) };
    // SAFETY: The head stands in front of its object. A grace period has ended since the object was
    // unpublished, and `enqueue()` was given ownership of it.
    T::reclaim(unsafe { RcuBox::from_raw(object) });
}
