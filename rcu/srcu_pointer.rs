// SPDX-License-Identifier: GPL-2.0

//! The pointer whose readers may sleep.
//!
//! C header: [`include/linux/srcu.h`](srctree/include/linux/srcu.h)

use super::{
    boxed::{Head, Object},
    drain::InPlace,
    pointer::{address, value, whole},
    retired, work, RcuBox, Reclaim, Softirq, Srcu, SrcuGracePeriod, SrcuGuard,
};
use core::{
    any::{type_name, TypeId},
    marker::PhantomData,
    mem::{self, ManuallyDrop},
    ptr::{self, NonNull},
    sync::atomic::{AtomicPtr, Ordering},
};
use kernel::{bindings, prelude::*};

/// A pointer with an [`Srcu`] domain of its own, so that its readers may sleep, and its grace periods
/// wait for its readers alone. It may be null, and owns what it points to.
///
/// The domain being its own, readers and grace periods cannot be those of different domains.
///
/// # The end
///
/// When the pointer is dropped nobody borrows it: no reader is left that could follow a reference, and
/// no [`SrcuRetired`]. First the domain is dropped, which waits for the callbacks of what was replaced
/// before; then what is published. So everything that this pointer ever owned is reclaimed when it is
/// gone, and no code of a callback is called after it; only [`SrcuRetired::queue_work`] leaves work
/// behind, for a [`CallbackDrain`](super::CallbackDrain). The drop may sleep, so an object that owns such a
/// pointer says [`Workqueue`](super::Workqueue); and one that owns the last reference to the very pointer it was
/// published by would wait for itself. See [`Srcu`] for what a
/// leaked reader and a leaked pointer mean.
///
/// # Examples
///
/// ```
/// use kernel::{prelude::*, sync::Arc, task::might_sleep};
/// use rcu_routes::rcu::{new_srcu, RcuBox, Reclaim, Softirq, SrcuPointer};
///
/// struct Config {
///     timeout_ms: u32,
/// }
///
/// impl Reclaim for Config {
///     type Context = Softirq;
/// }
///
/// let first = RcuBox::new(Config { timeout_ms: 10 }, GFP_KERNEL)?;
/// let config = Arc::pin_init(SrcuPointer::new(Some(first), new_srcu!("config")), GFP_KERNEL)?;
///
/// // A reader.
/// let reader = config.read_lock();
/// let timeout = reader.dereference().map(|config| config.timeout_ms);
/// might_sleep(); // Nobody complains.
/// drop(reader);
///
/// // An updater.
/// let old = config.replace(Some(RcuBox::new(Config { timeout_ms: 20 }, GFP_KERNEL)?));
/// if let Some(old) = old {
///     assert_eq!(timeout, Some(old.synchronize().timeout_ms));
/// }
/// # Ok::<(), Error>(())
/// ```
#[pin_data]
pub struct SrcuPointer<T: Reclaim + ?Sized> {
    #[pin]
    domain: Srcu,
    published: Published<T>,
}

impl<T: Reclaim + ?Sized> SrcuPointer<T> {
    /// An initialiser for a pointer to `new`, or to nothing, with a domain that
    /// [`new_srcu!`](super::new_srcu) makes.
    ///
    /// Errors: those of `domain`; then `new` is dropped. Context: may sleep.
    pub fn new(
        new: Option<RcuBox<T>>,
        domain: impl PinInit<Srcu, Error>,
    ) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            domain <- domain,
            published: Published::new(new),
        })
    }

    /// The domain, for waiting for its grace periods and callbacks.
    pub fn domain(&self) -> &Srcu {
        &self.domain
    }

    /// Begins a read-side critical section, which may sleep: C's `srcu_read_lock()`.
    ///
    /// Context: any but NMI; never waits.
    #[inline]
    pub fn read_lock(&self) -> SrcuReader<'_, T> {
        // INVARIANT: The section is one of this pointer's domain.
        SrcuReader {
            published: &self.published,
            _section: self.domain.read_lock(),
        }
    }

    /// Publishes `new`, or nothing, with one store and returns what was published before.
    ///
    /// Readers see either the old or the new object, complete.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn replace(&self, new: Option<RcuBox<T>>) -> Option<SrcuRetired<'_, T>> {
        // ORDERING: Release publishes the new object's contents, as `rcu_assign_pointer()` does.
        // Acquire makes this thread, which may come to free the old object, see its contents.
        // INVARIANT: The new object is owned by `published` from here on, and the old one no more.
        let old = self.published.object.swap(address(new), Ordering::AcqRel);
        // SAFETY: By the invariant of `Published` the old object is live.
        let object = unsafe { whole(old)? };
        // INVARIANT: It was owned by `published`, and was reachable for this domain's readers alone; new
        // ones find it no more.
        Some(SrcuRetired {
            object,
            domain: &self.domain,
        })
    }
}

impl<T: Reclaim + ?Sized> SrcuPointer<T> {
    /// Has an object go the way of those that were published here: it is reclaimed after a grace period of
    /// this domain. As [`RcuBox::retire`].
    ///
    /// Context: any.
    pub fn retire(&self, object: RcuBox<T>) -> SrcuRetired<'_, T> {
        // INVARIANT: It is owned, and no reader can reach it.
        SrcuRetired {
            object: object.into_raw(),
            domain: &self.domain,
        }
    }
}

/// What an [`SrcuPointer`] points to.
///
/// # Invariants
///
/// - `object` is null, or the address of an object that came from `RcuBox::into_raw` and that this
///   owns.
/// - That object is reachable for the domain's readers through this alone, is not changed while it is
///   published, and is freed only after a grace period of the domain that began after it was unpublished,
///   or when this is gone, and with it every reader's borrow of it.
struct Published<T: Reclaim + ?Sized> {
    object: AtomicPtr<Head>,
    owned: PhantomData<RcuBox<T>>,
    /// What can be stored through `&self` must be neither a subtype nor a supertype of `T`.
    invariant: PhantomData<fn(*const T) -> *const T>,
}

impl<T: Reclaim + ?Sized> Published<T> {
    fn new(new: Option<RcuBox<T>>) -> Self {
        // INVARIANT: The object comes from `into_raw()`, and nobody else has it.
        Self {
            object: AtomicPtr::new(address(new)),
            owned: PhantomData,
            invariant: PhantomData,
        }
    }
}

impl<T: Reclaim + ?Sized> Drop for Published<T> {
    fn drop(&mut self) {
        // INVARIANT: Null is allowed.
        let object = mem::replace(self.object.get_mut(), ptr::null_mut());
        // SAFETY: By the type invariant the object is live.
        if let Some(object) = unsafe { whole(object) } {
            // SAFETY: By the type invariant it is owned by this, which points to it no more. Readers reach it
            // through a shared borrow of this only, and there is none.
            drop(unsafe { RcuBox::<T>::from_raw(object) });
        }
    }
}

/// A read-side critical section of an [`SrcuPointer`], which may sleep, and which ends when this is
/// dropped. It ends in the thread in which it began.
///
/// # Examples
///
/// See [`SrcuPointer`].
///
/// # Invariants
///
/// `_section` is one of the domain that `published` belongs to.
#[must_use = "the read-side critical section ends when this is dropped"]
pub struct SrcuReader<'a, T: Reclaim + ?Sized> {
    published: &'a Published<T>,
    _section: SrcuGuard<'a>,
}

impl<T: Reclaim + ?Sized> SrcuReader<'_, T> {
    /// What the pointer points to now, for as long as the read-side critical section lasts: C's
    /// `srcu_dereference()`.
    ///
    /// Context: that of [`SrcuPointer::read_lock`]; never waits.
    #[inline]
    pub fn dereference(&self) -> Option<&T> {
        // ORDERING: Pairs with the release in `replace()`, as in `Rcu::dereference()`.
        let object = self.published.object.load(Ordering::Acquire);
        // SAFETY: By the invariant of `Published` the object lives until a grace period after it was
        // unpublished has ended, which by the type invariant cannot be before `self` ends; or until the
        // pointer is gone, which the borrow of it rules out.
        unsafe { value(object) }
    }
}

/// An object that new readers of its [`SrcuPointer`] cannot reach and old ones may still be reading.
///
/// It can neither be read nor freed, and ends before the pointer does. It ends in exactly one way:
///
/// | ending | waits | then | in C |
/// |---|---|---|---|
/// | [`synchronize`](Self::synchronize) | yes | gives the object back | `synchronize_srcu()` |
/// | [`synchronize_expedited`](Self::synchronize_expedited) | shortly | gives the object back | `synchronize_srcu_expedited()` |
/// | [`start_poll`](Self::start_poll), [`snapshot`](Self::snapshot) | no | gives the object back to who asks again later | `start_poll_synchronize_srcu()` |
/// | [`call_srcu`](Self::call_srcu) | no | [`Reclaim::reclaim`] with bottom halves off | `call_srcu()` |
/// | [`queue_work`](Self::queue_work) | no | [`Reclaim::reclaim`] in process context | `call_srcu()` and a work item |
///
/// As readers may sleep, "shortly" is a matter of them.
///
/// Dropped without a choice it goes by `call_srcu()` or `queue_work()`, as [`Reclaim::Context`] says. It
/// is never freed at once.
///
/// # Examples
///
/// ```
/// use kernel::{prelude::*, sync::Arc};
/// use rcu_routes::rcu::{new_srcu, RcuBox, SrcuPointer};
/// # struct Config(u32);
/// # impl rcu_routes::rcu::Reclaim for Config { type Context = rcu_routes::rcu::Softirq; }
///
/// let first = RcuBox::new(Config(1), GFP_KERNEL)?;
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
/// `object` came from `RcuBox::into_raw`, is owned by this value, and was reachable for readers of
/// `domain` alone, and is no more for those that begin from now on.
#[must_use = "say how it is to be reclaimed; dropping it means call_srcu() or queue_work()"]
pub struct SrcuRetired<'a, T: Reclaim + ?Sized> {
    object: NonNull<Object<T>>,
    domain: &'a Srcu,
}

// SAFETY: It owns a `T`, which is `Send` by `Reclaim`, and gives no access to it before the end; the
// domain is `Sync`.
unsafe impl<T: Reclaim + ?Sized> Send for SrcuRetired<'_, T> {}
// SAFETY: A shared reference to it gives access to nothing.
unsafe impl<T: Reclaim + ?Sized> Sync for SrcuRetired<'_, T> {}

impl<'a, T: Reclaim + ?Sized> SrcuRetired<'a, T> {
    fn into_object(self) -> NonNull<Object<T>> {
        ManuallyDrop::new(self).object
    }

    /// # Safety
    ///
    /// A grace period of the domain that began after the object was unpublished has ended.
    unsafe fn reclaimable(self) -> RcuBox<T> {
        // SAFETY: By the type invariant the object is owned and no reader that began after it was
        // unpublished can reach it; by the caller's promise every reader from before is done.
        unsafe { RcuBox::from_raw(self.into_object()) }
    }

    /// Waits for a grace period and gives the object back: C's `synchronize_srcu()`.
    ///
    /// Context: as for [`Srcu::synchronize`].
    #[track_caller]
    pub fn synchronize(self) -> RcuBox<T> {
        self.domain.synchronize();
        // SAFETY: By the type invariant the object was unpublished before this grace period began.
        unsafe { self.reclaimable() }
    }

    /// Waits for a grace period, spinning for a while before it sleeps, and gives the object back: C's
    /// `synchronize_srcu_expedited()`.
    ///
    /// Context: as for [`Srcu::synchronize`].
    #[track_caller]
    pub fn synchronize_expedited(self) -> RcuBox<T> {
        self.domain.synchronize_expedited();
        // SAFETY: By the type invariant the object was unpublished before this grace period began.
        unsafe { self.reclaimable() }
    }

    /// Has a grace period started, and the object given back to who asks after its end: C's
    /// `start_poll_synchronize_srcu()`.
    ///
    /// Context: any but NMI.
    pub fn start_poll(self) -> SrcuPolled<'a, T> {
        let cookie = SrcuGracePeriod::start(self.domain);
        // INVARIANT: The cookie was taken after the object was unpublished, as the existence of `self`
        // proves.
        SrcuPolled {
            retired: self,
            cookie,
        }
    }

    /// The same without a grace period being started, for callers who know that others will start one:
    /// C's `get_state_synchronize_srcu()`.
    ///
    /// Context: any.
    pub fn snapshot(self) -> SrcuPolled<'a, T> {
        let cookie = SrcuGracePeriod::snapshot(self.domain);
        // INVARIANT: The cookie was taken after the object was unpublished, as the existence of `self`
        // proves.
        SrcuPolled {
            retired: self,
            cookie,
        }
    }

    /// Has [`Reclaim::reclaim`] called in process context after a grace period, and does not wait.
    ///
    /// Unlike a callback, the work may be left when the pointer is gone. If no
    /// [`CallbackDrain`](super::CallbackDrain) is there to wait for it when the grace period ends, the
    /// object is leaked, with an error in the log.
    ///
    /// Context: any but NMI.
    pub fn queue_work(self) {
        self.enqueue(hand_on::<T>);
    }

    /// Hands the object to `call_srcu()`, for `callback` to take it back.
    fn enqueue(self, callback: unsafe extern "C" fn(*mut bindings::callback_head)) {
        let domain = self.domain.as_raw();
        let head = self.into_object().cast::<bindings::callback_head>();
        // SAFETY: The head stands in front of an owned, unpublished object and is in no other callback
        // list, as only an `SrcuRetired` leads here and is consumed. The domain is initialised, and its
        // drop waits for the callback, so that it and its code are there until it has run.
        unsafe { bindings::call_srcu(domain, head.as_ptr(), Some(callback)) };
    }
}

impl<T: Reclaim<Context = Softirq> + ?Sized> SrcuRetired<'_, T> {
    /// Has [`Reclaim::reclaim`] called with bottom halves off after a grace period, and does not wait:
    /// C's `call_srcu()`. Types that say their destructor may sleep are refused at compile time: the
    /// callback runs in a kernel thread, but must not sleep all the same.
    ///
    /// [`Srcu::barrier`] of [`SrcuPointer::domain`] waits for it, and so does the drop of the pointer.
    ///
    /// Context: any but NMI.
    pub fn call_srcu(self) {
        self.enqueue(callback::<T>);
    }
}

impl<T: Reclaim + ?Sized> Drop for SrcuRetired<'_, T> {
    fn drop(&mut self) {
        // INVARIANT: Ownership goes on to the new value; this one is not used again.
        let deferred = Self {
            object: self.object,
            domain: self.domain,
        };
        // What does not say that it may be reclaimed with bottom halves off is not. Known at compile time.
        if TypeId::of::<T::Context>() == TypeId::of::<Softirq>() {
            deferred.enqueue(callback::<T>);
        } else {
            deferred.queue_work();
        }
    }
}

#[cold]
fn complain_of_leak<T: ?Sized>() {
    pr_err!(
        "srcu: {} is to be reclaimed in process context without a CallbackDrain: it is leaked. Make a CallbackDrain the last field of the module's type and the first to be initialised\n",
        type_name::<T>()
    );
}

/// # Safety
///
/// Called by SRCU alone, once, with the head of an object that [`SrcuRetired::enqueue`] was given.
unsafe extern "C" fn callback<T: Reclaim + ?Sized>(head: *mut bindings::callback_head) {
    // SAFETY: A grace period of the domain, which has all its readers, has ended since the object was
    // unpublished, and ownership comes with it.
    unsafe { retired::reclaim::<T>(head) };
}

/// Hands an object on to process context.
///
/// # Safety
///
/// Called by SRCU alone, once, with the head of an object that [`SrcuRetired::enqueue`] was given.
unsafe extern "C" fn hand_on<T: Reclaim + ?Sized>(head: *mut bindings::callback_head) {
    // The work's code may be unloaded before it is called: better lose the memory.
    let Some(drain) = InPlace::new() else {
        return complain_of_leak::<T>();
    };
    // The drain waits for no callback of SRCU. Before it is dropped, so was the domain, and had waited for
    // this; or the domain is in an object that waits for reclaim itself, whose end comes after this.
    // Either way this notes the work before the drain can believe that the last one is done.
    drain.note_callback();
    // SAFETY: SRCU is done with the head, which came from an `SrcuRetired` that gave the object up; a grace
    // period of the domain, which has all its readers, has ended; a drain is in place.
    unsafe { work::callback::<T>(head) };
}

/// An [`SrcuRetired`] object with the cookie of the grace period that it waits for.
///
/// Dropped, it goes the way of a dropped [`SrcuRetired`].
///
/// # Examples
///
/// ```
/// use kernel::{prelude::*, sync::Arc};
/// use rcu_routes::rcu::{new_srcu, RcuBox, SrcuPointer};
/// # struct Config(u32);
/// # impl rcu_routes::rcu::Reclaim for Config { type Context = rcu_routes::rcu::Softirq; }
///
/// let first = RcuBox::new(Config(1), GFP_KERNEL)?;
/// let config = Arc::pin_init(SrcuPointer::new(Some(first), new_srcu!("config")), GFP_KERNEL)?;
/// let reader = config.read_lock();
/// let old = config.replace(None).unwrap().start_poll();
/// let old = old.try_reclaim().err().expect("a reader is still there");
/// drop(reader);
/// config.domain().synchronize();
/// assert_eq!(old.try_reclaim().ok().unwrap().0, 1);
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// `cookie` is of the domain of `retired`, and was taken after the object was unpublished.
#[must_use = "ask again later whether it can be reclaimed"]
pub struct SrcuPolled<'a, T: Reclaim + ?Sized> {
    retired: SrcuRetired<'a, T>,
    cookie: SrcuGracePeriod<'a>,
}

impl<T: Reclaim + ?Sized> SrcuPolled<'_, T> {
    /// Whether the object can be had back.
    ///
    /// Context: any.
    pub fn is_complete(&self) -> bool {
        self.cookie.is_complete()
    }

    /// Gives the object back if its grace period has ended: C's `poll_state_synchronize_srcu()`.
    ///
    /// Errors: itself, to be asked again. Context: any.
    pub fn try_reclaim(self) -> Result<RcuBox<T>, Self> {
        if !self.is_complete() {
            return Err(self);
        }
        // SAFETY: By the type invariant the grace period began after the object was unpublished; it has
        // ended.
        Ok(unsafe { self.retired.reclaimable() })
    }
}
