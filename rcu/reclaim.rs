// SPDX-License-Identifier: GPL-2.0

//! Types that RCU can protect, and the context in which their objects are reclaimed.

#![expect(unsafe_code, reason = "receives objects from RCU as raw pointers")]

use super::{
    object::{Head, NoHead, Thin},
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
///
/// An object that returns to a pool:
///
/// ```
/// use rcu_routes::rcu::{Reclaim, Softirq, UniqueRcuBox};
/// # struct Buffer;
/// # fn return_to_pool(buffer: UniqueRcuBox<Buffer>) {}
///
/// impl Reclaim for Buffer {
///     type Context = Softirq;
///     const RECLAIM: Option<fn(UniqueRcuBox<Self>)> = Some(return_to_pool);
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "RCU cannot reclaim a `{Self}`, because the type does not implement `Reclaim`",
    label = "`{Self}` does not implement `Reclaim`",
    note = "if its destructor never sleeps, add `impl Reclaim for {Self} {{ type Context = Softirq; }}`",
    note = "if its destructor may sleep, choose `type Context = Workqueue;`"
)]
pub trait Reclaim: Thin + Send + Sync + 'static {
    /// The context in which an object is reclaimed: [`Softirq`] if that never sleeps, else
    /// [`Workqueue`]. [`Headless`] saves the head, but then its updater waits. A dropped
    /// [`Retired`](super::Retired) is reclaimed in this context.
    type Context: Context;

    /// Receives each object that no reader can reach any more, unless its owner receives it. If it
    /// is `None`, the object is dropped.
    ///
    /// It is a constant, so that code which cannot call it does not compile: `kvfree_rcu()` of such
    /// an object, and an [`Entry`](super::Entry) with such a value.
    ///
    /// Context: `Self::Context`; process context after [`queue_work`](super::Retired::queue_work);
    /// the context of the drop if a pointer is dropped that still holds the object.
    const RECLAIM: Option<fn(UniqueRcuBox<Self>)> = None;

    /// Cleans up when the object leaves its container: a pointer, list, table or
    /// [`RcuBox`](super::RcuBox). It cancels a timer, for example, or wakes waiters.
    ///
    /// It runs before the grace period, so readers may use the object meanwhile, and it receives a
    /// shared reference. The destructor runs after the grace period, as for any object. If the
    /// owner receives the object after the grace period and publishes it again, it is torn down
    /// again. An object that was never published is not torn down, unless it is retired.
    ///
    /// It is a constant, so that an `Arc`, which others may still use, does not compile.
    ///
    /// Context: that in which the object is removed or its container is dropped, with the updaters'
    /// lock held, if any. It must not acquire that lock.
    const TEARDOWN: Option<fn(Pin<&Self>)> = None;
}

/// The value of [`Reclaim::RECLAIM`] for a type whose destructor drops a value of type `$value`.
/// Does not compile if that would skip `RECLAIM` of the value.
macro_rules! drops {
    ($value:ty) => {{
        core::assert!(
            <$value as Reclaim>::RECLAIM.is_none(),
            "the value is dropped with its entry or last reference, which would skip its RECLAIM"
        );
        None
    }};
}
pub(super) use drops;

/// Runs [`Reclaim::TEARDOWN`] of an object that leaves its container.
#[inline]
pub(super) fn tear_down<T: Reclaim + ?Sized>(value: Pin<&T>) {
    if let Some(teardown) = T::TEARDOWN {
        teardown(value);
    }
}

/// Reclaims an object that no reader can reach.
#[inline]
pub(super) fn dispose<T: Reclaim + ?Sized>(object: UniqueRcuBox<T>) {
    match T::RECLAIM {
        Some(reclaim) => reclaim(object),
        None => drop(object),
    }
}

mod private {
    /// Keeps other modules from implementing [`Context`](super::Context).
    pub trait Sealed {}
}
use private::Sealed;

/// A context in which objects are reclaimed: [`Softirq`], [`Workqueue`], [`Anywhere`] or
/// [`Headless`].
///
/// # Examples
///
/// See [`Reclaim`] and [`Workqueue`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a context in which RCU reclaims objects",
    label = "expected `Softirq`, `Workqueue`, `Anywhere` or `Headless`",
    note = "choose `type Context = Softirq;` if the destructor never sleeps, else `Workqueue`"
)]
pub trait Context: Sealed {
    /// Whether reclaiming an object may sleep.
    #[doc(hidden)]
    const MAY_SLEEP: bool;

    /// Whether objects have room for a work item.
    #[doc(hidden)]
    const HAS_WORK: bool;

    /// Whether objects begin with an `rcu_head`.
    #[doc(hidden)]
    const HAS_HEAD: bool = true;

    /// The beginning of an object.
    #[doc(hidden)]
    type Head: Default;
}

/// A context that includes softirqs, so that `call_rcu()` may reclaim objects: [`Softirq`] or
/// [`Anywhere`].
///
/// # Examples
///
/// See [`Reclaim`].
#[diagnostic::on_unimplemented(
    message = "reclaiming this object may sleep, so a callback cannot do it",
    label = "its `Reclaim::Context` is `{Self}`",
    note = "use `queue_work()`, or `type Context = Softirq` if its destructor never sleeps"
)]
pub trait InSoftirq: Context {}

/// A context that includes process context, so that `queue_work()` may reclaim objects:
/// [`Workqueue`] or [`Anywhere`].
///
/// # Examples
///
/// See [`Workqueue`].
#[diagnostic::on_unimplemented(
    message = "objects of this type have no work item, so `queue_work()` cannot reclaim them",
    label = "its `Reclaim::Context` is `{Self}`",
    note = "use `call_rcu()`, or `type Context = Workqueue` or `Anywhere`"
)]
pub trait InWorkqueue: Context {}

/// Reclaims objects with bottom halves off: their destructors must not sleep.
///
/// # Examples
///
/// See [`Reclaim`].
pub struct Softirq(());

impl Sealed for Softirq {}

impl Context for Softirq {
    const MAY_SLEEP: bool = false;
    const HAS_WORK: bool = false;
    type Head = Head;
}

impl InSoftirq for Softirq {}

/// Reclaims objects in process context: their destructors may sleep, also to wait for each other.
///
/// Each object has room for a work item, as one with C's `struct rcu_work` has.
///
/// 1,024 destructors run at a time, the default of C's workqueues. So at most 1,023 may wait for
/// one that is queued after them.
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
    const HAS_WORK: bool = true;
    type Head = Head;
}

impl InWorkqueue for Workqueue {}

/// Reclaims objects as [`Softirq`] does, or in process context if
/// [`queue_work`](super::Retired::queue_work) is called. Destructors must not sleep. Each object
/// has room for a work item.
///
/// # Examples
///
/// ```
/// use rcu_routes::rcu::{Anywhere, Reclaim};
///
/// struct Table([u64; 1024]);
///
/// impl Drop for Table {
///     fn drop(&mut self) {
///         self.0.fill(0); // Long, but it does not sleep.
///     }
/// }
///
/// impl Reclaim for Table {
///     type Context = Anywhere;
/// }
/// ```
pub struct Anywhere(());

impl Sealed for Anywhere {}

impl Context for Anywhere {
    const MAY_SLEEP: bool = false;
    const HAS_WORK: bool = true;
    type Head = Head;
}

impl InSoftirq for Anywhere {}
impl InWorkqueue for Anywhere {}

/// The updater reclaims objects, which have no `rcu_head`: an object is its value alone, and a
/// pointer to it C's pointer to that value.
///
/// Each ending may sleep, so an object must not be retired where that is forbidden. A structure of
/// such objects that is updated under a spin lock does not compile, nor does an `XArray` of them.
/// The caller must be neither a callback nor a reader.
///
/// A drop of the [`Retired`](super::Retired) waits for a grace period.
/// [`kvfree_rcu_mightsleep`](super::Retired::kvfree_rcu_mightsleep) waits only if there is no
/// memory. For many objects, [`Cleared::synchronize`](super::Cleared::synchronize) waits once.
///
/// # Examples
///
/// ```
/// use kernel::prelude::*;
/// use rcu_routes::rcu::{Headless, Rcu, Reclaim, UniqueRcuBox};
///
/// struct Limit(u64);
///
/// impl Reclaim for Limit {
///     type Context = Headless;
/// }
///
/// let limit = Rcu::new(UniqueRcuBox::new(Limit(1), GFP_KERNEL)?);
/// if let Some(old) = limit.replace(Some(UniqueRcuBox::new(Limit(2), GFP_KERNEL)?)) {
///     old.kvfree_rcu_mightsleep();
/// }
/// # Ok::<(), Error>(())
/// ```
pub struct Headless(());

impl Sealed for Headless {}

impl Context for Headless {
    const MAY_SLEEP: bool = true;
    const HAS_WORK: bool = false;
    const HAS_HEAD: bool = false;
    type Head = NoHead;
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
    dispose(unsafe { UniqueRcuBox::from_raw(object) });
}
