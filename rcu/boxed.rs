// SPDX-License-Identifier: GPL-2.0

//! Objects that RCU can protect, while they still have one owner.

use core::{
    mem::MaybeUninit,
    ops::{Deref, DerefMut},
    ptr::NonNull,
};
use kernel::{
    alloc::{AllocError, Flags},
    bindings,
    prelude::*,
};

/// Room for C's `struct rcu_head`.
pub(super) struct Head {
    _room: MaybeUninit<bindings::callback_head>,
}

// SAFETY: The pointers in it are RCU's alone, and nothing here reads or writes them.
unsafe impl Send for Head {}
// SAFETY: As above.
unsafe impl Sync for Head {}

/// What the memory of an RCU-protected object looks like: the head that `call_rcu()` and
/// `kvfree_call_rcu()` link into their lists stands in front, so that its address is the object's.
#[repr(C)]
pub(super) struct Object<T> {
    pub(super) head: Head,
    pub(super) value: T,
}

/// A type that RCU may protect and reclaim.
///
/// - `Sync`, because readers on all CPUs share it;
/// - `Send`, because it is dropped on another CPU than the one that made it;
/// - `'static`, because it is dropped long after it was retired.
///
/// Implement it only for types whose destructor does not sleep: [`Retired::call_rcu`] runs it in
/// softirq context.
///
/// [`Retired::call_rcu`]: super::Retired::call_rcu
pub trait Reclaim: Send + Sync + Sized + 'static {
    /// Reclaims an object whose grace period has ended; drops it unless implemented otherwise.
    ///
    /// Context: softirq, or a kthread with bottom halves off. Must not sleep.
    fn reclaim(this: RcuBox<Self>) {
        drop(this);
    }
}

/// An owned object with room for an `rcu_head`, unpublished: no reader can reach it, so it may be
/// changed through `&mut`.
pub struct RcuBox<T>(KBox<Object<T>>);

impl<T> RcuBox<T> {
    /// Moves `value` into memory that RCU can reclaim.
    ///
    /// Errors: [`AllocError`]. Context: as `flags` say; may sleep with `GFP_KERNEL`.
    pub fn new(value: T, flags: Flags) -> Result<Self, AllocError> {
        let head = Head {
            _room: MaybeUninit::uninit(),
        };
        Ok(Self(KBox::new(Object { head, value }, flags)?))
    }

    /// Gives up ownership; the object must come back through [`RcuBox::from_raw`] or be freed with
    /// its destructor run.
    pub(super) fn into_raw(self) -> NonNull<Object<T>> {
        NonNull::from(KBox::leak(self.0))
    }

    /// Takes ownership back.
    ///
    /// # Safety
    ///
    /// `object` came from [`RcuBox::into_raw`], was not taken back since, and no reader can reach it.
    pub(super) unsafe fn from_raw(object: NonNull<Object<T>>) -> Self {
        // SAFETY: `into_raw()` got the pointer from a `KBox` of this type, by the caller's promise.
        Self(unsafe { KBox::from_raw(object.as_ptr()) })
    }
}

impl<T> Deref for RcuBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T> DerefMut for RcuBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0.value
    }
}
