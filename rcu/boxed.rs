// SPDX-License-Identifier: GPL-2.0

//! Objects that RCU can protect, while they still have one owner.

use super::Retired;
use core::{
    mem::{offset_of, MaybeUninit},
    ops::{Deref, DerefMut},
    pin::Pin,
    ptr::NonNull,
};
use kernel::{
    alloc::{AllocError, Flags},
    bindings,
    prelude::*,
};

/// Room for C's `struct rcu_head`.
#[repr(transparent)]
pub struct Head {
    _room: MaybeUninit<bindings::callback_head>,
}

impl Head {
    pub(super) const fn new() -> Self {
        Self {
            _room: MaybeUninit::uninit(),
        }
    }
}

// SAFETY: What is in it is RCU's alone, and nothing here reads or writes it.
unsafe impl Send for Head {}
// SAFETY: As above.
unsafe impl Sync for Head {}

/// What the memory of an RCU-protected object looks like: the head that `call_rcu()` and
/// `kvfree_call_rcu()` link into their lists stands in front, so that its address is the object's.
#[repr(C)]
pub struct Object<T: ?Sized> {
    pub(super) head: Head,
    pub(super) value: T,
}

/// [`Object`] for initialising a sized value where it stays.
#[pin_data]
#[repr(C)]
struct SizedObject<T> {
    head: Head,
    #[pin]
    value: T,
}

mod private {
    use super::{Head, NonNull, Object};

    /// Keeps others from implementing [`Context`](super::Context).
    pub trait Sealed {}

    /// How to get from the address of an object, which is all that an atomic pointer holds, to the
    /// object. It knows sized types and [`Flexible`](super::Flexible).
    ///
    /// # Safety
    ///
    /// `from_head()` returns the object that begins at `head`, whole.
    pub unsafe trait Thin {
        /// # Safety
        ///
        /// `head` is that of a live `Object<Self>`, with provenance for all of it.
        unsafe fn from_head(head: NonNull<Head>) -> NonNull<Object<Self>>;
    }
}
pub(super) use private::{Sealed, Thin};

// SAFETY: The head is the first field of an `Object`.
unsafe impl<T> Thin for T {
    #[inline]
    unsafe fn from_head(head: NonNull<Head>) -> NonNull<Object<T>> {
        head.cast()
    }
}

/// A type that RCU may protect and reclaim.
///
/// - `Sync`, because readers on all CPUs share it;
/// - `Send`, because it is dropped on another CPU than the one that made it;
/// - `'static`, because it is dropped long after it was retired.
///
/// Any sized type can implement it, and [`Flexible`] does.
///
/// # Examples
///
/// ```
/// use rcu_routes::rcu::{Reclaim, Softirq};
///
/// struct Config {
///     timeout_ms: u32,
/// }
///
/// impl Reclaim for Config {
///     type Context = Softirq;
/// }
/// ```
pub trait Reclaim: Thin + Send + Sync + 'static {
    /// Where [`Self::reclaim`] is called, and so where a [`Retired`] goes that is dropped without a
    /// choice: [`Softirq`] if it never sleeps, and [`Workqueue`] if it may.
    type Context: Context;

    /// Reclaims an object whose grace period has ended; drops it unless implemented otherwise.
    ///
    /// Context: as `Self::Context` says; process context after [`Retired::queue_work`].
    fn reclaim(this: RcuBox<Self>) {
        drop(this);
    }
}

/// Where objects are reclaimed: [`Softirq`] or [`Workqueue`].
///
/// # Examples
///
/// See [`Reclaim`] and [`Workqueue`].
pub trait Context: Sealed + Sized {
    #[doc(hidden)]
    fn defer<T: Reclaim<Context = Self> + ?Sized>(retired: Retired<T>);
}

/// Objects of this type are reclaimed with bottom halves off: their destructor must not sleep.
///
/// # Examples
///
/// See [`Reclaim`].
pub struct Softirq(());

impl Sealed for Softirq {}

impl Context for Softirq {
    fn defer<T: Reclaim<Context = Self> + ?Sized>(retired: Retired<T>) {
        retired.call_rcu();
    }
}

/// Objects of this type are reclaimed in process context: their destructor may sleep.
///
/// # Examples
///
/// ```
/// use kernel::sync::{Arc, Mutex};
/// use rcu_routes::rcu::{Reclaim, Workqueue};
///
/// struct Session {
///     open_sessions: Arc<Mutex<usize>>,
/// }
///
/// impl Drop for Session {
///     fn drop(&mut self) {
///         *self.open_sessions.lock() -= 1; // May sleep.
///     }
/// }
///
/// impl Reclaim for Session {
///     type Context = Workqueue;
/// }
/// ```
pub struct Workqueue(());

impl Sealed for Workqueue {}

impl Context for Workqueue {
    fn defer<T: Reclaim<Context = Self> + ?Sized>(retired: Retired<T>) {
        retired.queue_work();
    }
}

/// An owned object with room for an `rcu_head`, unpublished: no reader can reach it, so it may be
/// changed.
///
/// It stays where it is from its making to its end, whatever is published or retired in between, so a
/// type that must not move can be protected too: then only [`Self::as_pin_mut`] changes it.
///
/// # Examples
///
/// ```
/// use kernel::prelude::*;
/// use rcu_routes::rcu::RcuBox;
///
/// let mut limits = RcuBox::new([1, 2, 3], GFP_KERNEL)?;
/// limits[0] = 10;
/// assert_eq!(*limits, [10, 2, 3]);
/// # Ok::<(), Error>(())
/// ```
pub struct RcuBox<T: ?Sized>(KBox<Object<T>>);

impl<T> RcuBox<T> {
    /// Moves `value` into memory that RCU can reclaim.
    ///
    /// Errors: [`AllocError`]. Context: as `flags` say; may sleep with `GFP_KERNEL`.
    pub fn new(value: T, flags: Flags) -> Result<Self, AllocError> {
        let head = Head::new();
        Ok(Self(KBox::new(Object { head, value }, flags)?))
    }

    /// Initialises a value in memory that RCU can reclaim, where it will stay.
    ///
    /// Errors: `ENOMEM`, or as `init` says. Context: as `flags` say; may sleep with `GFP_KERNEL`.
    pub fn pin_init<E>(init: impl PinInit<T, E>, flags: Flags) -> Result<Self>
    where
        Error: From<E>,
    {
        let object = KBox::<SizedObject<T>>::pin_init::<Error>(
            try_pin_init!(SizedObject { head: Head::new(), value <- init }? Error),
            flags,
        )?;
        // SAFETY: An `RcuBox` does not move its object, and gives `&mut` to `Unpin` types alone.
        let object = unsafe { Pin::into_inner_unchecked(object) };
        let object = KBox::into_raw(object).cast::<Object<T>>();
        // SAFETY: The pointer came from a box, and both types have the same fields in C's order.
        Ok(Self(unsafe { KBox::from_raw(object) }))
    }
}

/// The object that a value is part of.
///
/// # Safety
///
/// `value` is that of an `Object<T>`, with provenance for all of it.
pub(super) unsafe fn object_of<T>(value: NonNull<T>) -> NonNull<Object<T>> {
    let object = value
        .as_ptr()
        .cast::<u8>()
        .wrapping_sub(offset_of!(Object<T>, value));
    // SAFETY: By the caller's promise there is an object at that address.
    unsafe { NonNull::new_unchecked(object.cast()) }
}

impl<T: ?Sized> RcuBox<T> {
    /// Changes an object that must not move.
    ///
    /// Context: any.
    pub fn as_pin_mut(&mut self) -> Pin<&mut T> {
        // SAFETY: The value does not move before it is dropped: nothing moves it out of its object, and
        // `&mut` to it is given to `Unpin` types alone.
        unsafe { Pin::new_unchecked(&mut self.0.value) }
    }

    /// Has the object go the way of those that were published, for who may hold back what readers still use
    /// in other ways: it is reclaimed after a grace period.
    ///
    /// Context: any.
    pub fn retire(self) -> Retired<T>
    where
        T: Reclaim,
    {
        // SAFETY: It is owned, and was never published or came back since: no reader can reach it.
        unsafe { Retired::new(self.into_raw()) }
    }

    /// Gives up ownership; the object must come back through [`RcuBox::from_raw`] or be freed with
    /// its destructor run.
    #[inline]
    pub(super) fn into_raw(self) -> NonNull<Object<T>> {
        let object = KBox::into_raw(self.0);
        // SAFETY: A box is not null.
        unsafe { NonNull::new_unchecked(object) }
    }

    /// Takes ownership back.
    ///
    /// # Safety
    ///
    /// `object` came from [`RcuBox::into_raw`], or was allocated and initialised as one that did; it was
    /// not taken back since, and no reader can reach it.
    #[inline]
    pub(super) unsafe fn from_raw(object: NonNull<Object<T>>) -> Self {
        // SAFETY: The pointer is that of a `KBox` of this type, by the caller's promise.
        Self(unsafe { KBox::from_raw(object.as_ptr()) })
    }
}

impl<T: ?Sized> Deref for RcuBox<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T: Unpin + ?Sized> DerefMut for RcuBox<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0.value
    }
}
