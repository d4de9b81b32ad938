// SPDX-License-Identifier: GPL-2.0

//! Types that RCU can protect, and the context in which their objects are reclaimed.

#![expect(unsafe_code, reason = "receives objects from RCU as raw pointers")]

use super::{
    object::{Head, Thin},
    UniqueRcuBox,
};
use core::{pin::Pin, ptr::NonNull};
use kernel::bindings;

/// A type that RCU may protect and reclaim.
///
/// - `Sync`, because readers on all CPUs share its objects;
/// - `Send`, because an object is dropped on any CPU;
/// - `'static`, because an object is dropped long after it was retired.
///
/// Any sized type can implement it, and [`Flexible`](super::Flexible) does.
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
#[diagnostic::on_unimplemented(
    message = "RCU cannot reclaim a `{Self}`, because the type does not implement `Reclaim`",
    label = "`{Self}` does not implement `Reclaim`",
    note = "if its destructor never sleeps, add `impl Reclaim for {Self} {{ type Context = Softirq; }}`",
    note = "if its destructor may sleep, choose `type Context = Workqueue;`"
)]
pub trait Reclaim: Thin + Send + Sync + 'static {
    /// The context in which [`Self::reclaim`] runs: [`Softirq`] if it never sleeps, else
    /// [`Workqueue`]. A dropped [`Retired`](super::Retired) is reclaimed in this context.
    type Context: Context;

    /// Reclaims an object whose grace period has ended. The default drops it.
    ///
    /// Context: `Self::Context`; process context after [`queue_work`](super::Retired::queue_work).
    fn reclaim(this: UniqueRcuBox<Self>) {
        drop(this);
    }

    /// Cleans up when the owner of an [`RcuBox`](super::RcuBox) gives the object up: before its
    /// grace period, so readers may use the object meanwhile. It cancels a timer, for example, or
    /// wakes waiters. The destructor runs after the grace period, as for any object.
    ///
    /// The reference is shared because of these readers. The default does nothing.
    ///
    /// Context: that in which the owner is dropped or retired.
    fn teardown(this: Pin<&Self>) {
        let _ = this;
    }
}

mod private {
    /// Keeps other modules from implementing [`Context`](super::Context).
    pub trait Sealed {}
}
use private::Sealed;

/// A context in which objects are reclaimed: [`Softirq`] or [`Workqueue`].
///
/// # Examples
///
/// See [`Reclaim`] and [`Workqueue`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a context in which RCU reclaims objects",
    label = "expected `Softirq` or `Workqueue`",
    note = "choose `type Context = Softirq;` if the destructor never sleeps, else `Workqueue`"
)]
pub trait Context: Sealed {
    #[doc(hidden)]
    const MAY_SLEEP: bool;
}

/// Reclaims objects with bottom halves off: their destructors must not sleep.
///
/// # Examples
///
/// See [`Reclaim`].
pub struct Softirq(());

impl Sealed for Softirq {}

impl Context for Softirq {
    const MAY_SLEEP: bool = false;
}

/// Reclaims objects in process context: their destructors may sleep.
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
    const MAY_SLEEP: bool = true;
}

/// Reclaims the object that begins at `head`; a callback for `call_rcu()` and `call_srcu()`.
///
/// # Safety
///
/// - `head` is the head of an `Object<T>` that came from `UniqueRcuBox::into_raw`.
/// - Its owner has given it up to this call.
/// - No reader can reach it: a grace period has ended since it was unpublished.
pub(super) unsafe extern "C" fn reclaim<T: Reclaim + ?Sized>(head: *mut bindings::callback_head) {
    // SAFETY: The head of an object is not null.
    let head = unsafe { NonNull::new_unchecked(head.cast::<Head>()) };
    // SAFETY: The head belongs to a live object of this type.
    let object = unsafe { T::from_head(head) };
    // SAFETY: The object came from `UniqueRcuBox::into_raw`, its owner gave it up, and it has no
    // readers.
    T::reclaim(unsafe { UniqueRcuBox::from_raw(object) });
}
