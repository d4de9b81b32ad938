// SPDX-License-Identifier: GPL-2.0

//! Objects that an owner shares with readers, in any container.

#![expect(unsafe_code, reason = "owns objects through raw pointers")]

use super::{
    object::{self, Head, Object},
    reclaim::Context,
    Global, ReadSide, Reclaim, Retired, UniqueRcuBox,
};
use core::{
    mem::{align_of, ManuallyDrop},
    ops::Deref,
    ptr::NonNull,
};
use kernel::{
    alloc::{AllocError, Flags},
    prelude::*,
    types::ForeignOwnable,
};

/// An owned object that readers may share. It is reclaimed after a grace period.
///
/// It is for containers other than those of this library: an owner that readers reach by other
/// means, and an [`XArray`](kernel::xarray::XArray), whose readers call
/// [`xa_load`](super::xa_load).
///
/// Dropping it retires the object: [`Reclaim::TEARDOWN`] runs at once, and the destructor after a
/// grace period. [`Self::retire`] offers the other endings.
///
/// # Examples
///
/// ```
/// use kernel::prelude::*;
/// use rcu_routes::rcu::{read_lock, RcuBox};
/// # struct Config(u32);
/// # impl rcu_routes::rcu::Reclaim for Config { type Context = rcu_routes::rcu::Softirq; }
///
/// let owner = RcuBox::new(Config(1), GFP_KERNEL)?;
/// let guard = read_lock();
/// let seen = owner.with_rcu(&guard);
/// drop(owner);
/// // The object is reclaimed after this reader.
/// assert_eq!(seen.0, 1);
/// # Ok::<(), Error>(())
/// ```
///
/// An object that stops its users at once, and is freed after a grace period:
///
/// ```
/// use core::{pin::Pin, sync::atomic::{AtomicBool, Ordering}};
/// use kernel::prelude::*;
/// use rcu_routes::rcu::{read_lock, RcuBox, Reclaim, Softirq};
///
/// struct Fence {
///     is_signalled: AtomicBool,
/// }
///
/// impl Reclaim for Fence {
///     type Context = Softirq;
///     const TEARDOWN: Option<fn(Pin<&Self>)> = Some(|this| {
///         this.is_signalled.store(true, Ordering::Relaxed);
///     });
/// }
///
/// let owner = RcuBox::new(Fence { is_signalled: AtomicBool::new(false) }, GFP_KERNEL)?;
/// let guard = read_lock();
/// let fence = owner.with_rcu(&guard);
/// assert!(!fence.is_signalled.load(Ordering::Relaxed));
/// drop(owner);
/// assert!(fence.is_signalled.load(Ordering::Relaxed));
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// `object` came from `UniqueRcuBox::into_raw` and this value owns it. Readers reach it only
/// through a borrow of this value, or of the container that owns this value.
pub struct RcuBox<T: Reclaim + ?Sized> {
    object: NonNull<Object<T>>,
}

// SAFETY: It owns a `T`, which is `Send` by `Reclaim`. Its previous owner may still read the value,
// which is `Sync` by `Reclaim`.
unsafe impl<T: Reclaim + ?Sized> Send for RcuBox<T> {}
// SAFETY: A shared reference to it gives only shared access to its value.
unsafe impl<T: Reclaim + ?Sized> Sync for RcuBox<T> {}

impl<T: Reclaim> RcuBox<T> {
    /// Moves `value` into memory of `kmalloc()`. For memory of another allocator, convert a
    /// [`UniqueRcuBox`].
    ///
    /// Errors: [`AllocError`]. Context: as `flags` say; may sleep with `GFP_KERNEL`.
    #[inline]
    pub fn new(value: T, flags: Flags) -> Result<Self, AllocError> {
        Ok(UniqueRcuBox::new(value, flags)?.into())
    }
}

impl<T: Reclaim + ?Sized> RcuBox<T> {
    /// Borrows the value during the read-side critical section. The borrow may outlive this owner.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn with_rcu<'g>(&self, _section: &'g impl ReadSide) -> &'g T {
        // SAFETY: The object is live. `_section` is borrowed during `'g`, so no grace period that
        // begins after this owner has retired the object ends in that time.
        unsafe { object::value(self.object) }
    }

    /// Retires the object: new readers cannot reach it, because this takes its owner.
    ///
    /// Context: that of [`Reclaim::TEARDOWN`].
    #[inline]
    pub fn retire(self) -> Retired<T> {
        let mut owner = ManuallyDrop::new(self);
        // SAFETY: `owner` is not used again, and its destructor does not run.
        unsafe { owner.give_up() }
    }

    /// Retires the object.
    ///
    /// # Safety
    ///
    /// This value is not used again.
    #[inline]
    unsafe fn give_up(&mut self) -> Retired<T> {
        // SAFETY: By the type invariant this owned the object, and readers reached it only through
        // a borrow of this value, which ends here.
        unsafe { Retired::new(self.object, Global) }
    }
}

impl<T: Reclaim + ?Sized> From<UniqueRcuBox<T>> for RcuBox<T> {
    #[inline]
    fn from(unique: UniqueRcuBox<T>) -> Self {
        // INVARIANT: A `UniqueRcuBox` has no readers.
        Self {
            object: unique.into_raw(),
        }
    }
}

impl<T: Reclaim + ?Sized> Deref for RcuBox<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: By the type invariant the object is live while this value owns it.
        unsafe { object::value(self.object) }
    }
}

impl<T: Reclaim + ?Sized> Drop for RcuBox<T> {
    fn drop(&mut self) {
        // SAFETY: `self` is not used again.
        drop(unsafe { self.give_up() });
    }
}

// SAFETY: A foreign pointer is the address of the object: not null, and aligned as its head is.
unsafe impl<T: Reclaim + ?Sized> ForeignOwnable for RcuBox<T> {
    const FOREIGN_ALIGN: usize = align_of::<Head>();

    type Borrowed<'a> = &'a T;
    type BorrowedMut<'a> = &'a T;

    fn into_foreign(self) -> *mut c_void {
        const {
            core::assert!(
                T::Context::HAS_HEAD,
                "a container with a spin lock cannot hold headless objects"
            )
        };
        ManuallyDrop::new(self).object.as_ptr().cast()
    }

    unsafe fn from_foreign(pointer: *mut c_void) -> Self {
        // SAFETY: The pointer came from `into_foreign()`, so it is the address of an object.
        let head = unsafe { NonNull::new_unchecked(pointer.cast::<Head>()) };
        // INVARIANT: `into_foreign()` gave up the ownership, and the caller passes it on.
        Self {
            // SAFETY: The pointer came from `into_foreign()` of this type.
            object: unsafe { T::from_head(head) },
        }
    }

    unsafe fn borrow<'a>(pointer: *mut c_void) -> &'a T {
        // SAFETY: The pointer came from `into_foreign()`, so it is the address of an object.
        let head = unsafe { NonNull::new_unchecked(pointer.cast::<Head>()) };
        // SAFETY: The pointer came from `into_foreign()` of this type. The caller guarantees that
        // no `from_foreign()` ends the ownership during `'a`.
        unsafe { object::value(T::from_head(head)) }
    }

    unsafe fn borrow_mut<'a>(pointer: *mut c_void) -> &'a T {
        // SAFETY: The caller guarantees more than `borrow()` requires.
        unsafe { Self::borrow(pointer) }
    }
}
