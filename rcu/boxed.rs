// SPDX-License-Identifier: GPL-2.0

//! Objects that RCU can protect, while they have one owner.

#![expect(unsafe_code, reason = "owns objects through raw pointers")]

use super::{
    object::{self, HeadOf, KernelAllocator, Object},
    reclaim::Context,
    work::{self, Item},
    Reclaim,
};
use core::{
    marker::PhantomData,
    mem::{size_of, ManuallyDrop, MaybeUninit},
    ops::{Deref, DerefMut},
    pin::Pin,
    ptr::{self, NonNull},
};
use kernel::{
    alloc::{allocator::Kmalloc, AllocError, Flags},
    prelude::*,
};

/// [`Object`] with a value that is initialised in place.
#[pin_data]
#[repr(C)]
struct SizedObject<T: Reclaim> {
    head: HeadOf<T>,
    #[pin]
    value: T,
}

/// The same, followed by a work item; `work` finds it there.
#[pin_data]
#[repr(C)]
struct ObjectWithItem<T: Reclaim> {
    #[pin]
    object: SizedObject<T>,
    _item: MaybeUninit<Item>,
}

/// An owned, unpublished object with room for an `rcu_head`, unless its context is
/// [`Headless`](super::Headless). No reader can reach it, so its owner
/// may change it.
///
/// The object never moves, whether published, retired or owned again. A type that must not move is
/// therefore allowed; only [`Self::as_pin_mut`] changes such a value.
///
/// The type does not name the allocator, because C's `kvfree()` and `kvfree_rcu()` free the memory
/// of each.
///
/// # Examples
///
/// ```
/// use kernel::{alloc::allocator::KVmalloc, prelude::*};
/// use rcu_routes::rcu::{Reclaim, Softirq, UniqueRcuBox};
///
/// struct Table<const N: usize>([u8; N]);
///
/// impl<const N: usize> Reclaim for Table<N> {
///     type Context = Softirq;
/// }
///
/// let mut limits = UniqueRcuBox::new(Table([1, 2, 3]), GFP_KERNEL)?;
/// limits.0[0] = 10;
/// assert_eq!(limits.0, [10, 2, 3]);
///
/// // A large object.
/// let table = UniqueRcuBox::new_in::<KVmalloc>(Table([0; 8192]), GFP_KERNEL)?;
/// assert_eq!(table.0.len(), 8192);
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// `object` is live and owned by this value. A [`KernelAllocator`] allocated it, with the layout of
/// the object or a larger one.
pub struct UniqueRcuBox<T: Reclaim + ?Sized> {
    object: NonNull<Object<T>>,
    owned: PhantomData<T>,
}

// SAFETY: A box owns its value, which is `Send` by `Reclaim`.
unsafe impl<T: Reclaim + ?Sized> Send for UniqueRcuBox<T> {}
// SAFETY: A shared box gives only shared access to its value, which is `Sync` by `Reclaim`.
unsafe impl<T: Reclaim + ?Sized> Sync for UniqueRcuBox<T> {}

impl<T: Reclaim> UniqueRcuBox<T> {
    /// Refuses a type whose constants do not compile, and objects without memory, which no
    /// allocator can free.
    const CAN_EXIST: () = {
        let _ = (T::RECLAIM, T::TEARDOWN);
        core::assert!(
            size_of::<Object<T>>() > 0,
            "a headless object needs a value with a size"
        );
    };

    /// Moves `value` into memory of `kmalloc()` that RCU can reclaim.
    ///
    /// Errors: [`AllocError`]. Context: as `flags` say; may sleep with `GFP_KERNEL`.
    #[inline]
    pub fn new(value: T, flags: Flags) -> Result<Self, AllocError> {
        Self::new_in::<Kmalloc>(value, flags)
    }

    /// Moves `value` into memory of the allocator `A` that RCU can reclaim.
    ///
    /// Errors: [`AllocError`]. Context: as `flags` say; may sleep with `GFP_KERNEL`. `Vmalloc` and
    /// `KVmalloc` may sleep with any flags. Their objects must be dropped in a context in which
    /// `kvfree()` may be called: not with a spin lock held.
    #[inline]
    pub fn new_in<A: KernelAllocator>(value: T, flags: Flags) -> Result<Self, AllocError> {
        let () = Self::CAN_EXIST;
        let object = object::allocate::<T, A>(work::object_layout::<T>()?, flags)?;
        // SAFETY: The memory has the layout of an object, so that of its value. Nobody else has its
        // address.
        unsafe { object::value_of(object).as_ptr().write(value) };
        // SAFETY: `A` allocated the object. It is initialised, because a head needs no
        // initialisation.
        Ok(unsafe { Self::from_raw(object) })
    }

    /// Initialises a value in place, in memory of `kmalloc()` that RCU can reclaim.
    ///
    /// Errors: `ENOMEM`, or an error of `init`. Context: as `flags` say; may sleep with
    /// `GFP_KERNEL`.
    pub fn pin_init<E>(init: impl PinInit<T, E>, flags: Flags) -> Result<Self>
    where
        Error: From<E>,
    {
        let () = Self::CAN_EXIST;
        let head = HeadOf::<T>::default();
        let object = try_pin_init!(SizedObject { head, value <- init }? Error);
        if !T::Context::HAS_WORK {
            // SAFETY: The box begins with an initialised object, in C's layout.
            return Ok(unsafe { Self::from_pinned(KBox::pin_init::<Error>(object, flags)?) });
        }
        let _item = MaybeUninit::uninit();
        let object = try_pin_init!(ObjectWithItem { object <- object, _item }? Error);
        // SAFETY: The box begins with an initialised object, in C's layout.
        Ok(unsafe { Self::from_pinned(KBox::pin_init::<Error>(object, flags)?) })
    }

    /// # Safety
    ///
    /// The box begins with an initialised `Object<T>`, and is at least as large as one.
    unsafe fn from_pinned<O>(object: Pin<KBox<O>>) -> Self {
        // SAFETY: A `UniqueRcuBox` does not move its object, and gives `&mut` only to `Unpin`
        // types.
        let object = KBox::into_raw(unsafe { Pin::into_inner_unchecked(object) });
        // SAFETY: A box is not null.
        let object = unsafe { NonNull::new_unchecked(object.cast::<Object<T>>()) };
        // SAFETY: `Kmalloc` allocated the box, which the caller has given up.
        unsafe { Self::from_raw(object) }
    }

    /// Moves the value out of the object, and frees the memory.
    ///
    /// Context: that in which the memory may be freed; see [`Self::new_in`].
    pub fn into_inner(self) -> T
    where
        T: Unpin,
    {
        let object = self.into_raw();
        // SAFETY: By the type invariant the object was live and owned. It is not used again.
        let value = unsafe { object::value_of(object).as_ptr().read() };
        // SAFETY: The value has been moved out, and nothing else owns the memory.
        unsafe { object::free(object) };
        value
    }
}

impl<T: Reclaim + ?Sized> UniqueRcuBox<T> {
    /// Borrows the value for changes that do not move it.
    ///
    /// Context: any.
    pub fn as_pin_mut(&mut self) -> Pin<&mut T> {
        // SAFETY: By the type invariant the object is live and owned.
        let value = unsafe { object::value_of(self.object).as_mut() };
        // SAFETY: The value does not move until it is dropped: a `UniqueRcuBox` does not move its
        // object, and gives `&mut` only to `Unpin` types.
        unsafe { Pin::new_unchecked(value) }
    }

    /// Gives up ownership, until [`UniqueRcuBox::from_raw`].
    #[inline]
    pub(super) fn into_raw(self) -> NonNull<Object<T>> {
        ManuallyDrop::new(self).object
    }

    /// Restores the ownership that [`UniqueRcuBox::into_raw`] gave up.
    ///
    /// # Safety
    ///
    /// - `object` came from [`UniqueRcuBox::into_raw`], or was allocated by a [`KernelAllocator`]
    ///   and initialised in the same way.
    /// - It has no other owner, and no reader can reach it.
    #[inline]
    pub(super) unsafe fn from_raw(object: NonNull<Object<T>>) -> Self {
        // INVARIANT: The caller guarantees the allocator, and that there is no other owner.
        Self {
            object,
            owned: PhantomData,
        }
    }
}

impl<T: Reclaim + ?Sized> Drop for UniqueRcuBox<T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariant the object is live and owned. It is not used again.
        unsafe { ptr::drop_in_place(object::value_of(self.object).as_ptr()) };
        // SAFETY: By the type invariant a `KernelAllocator` allocated the object. Its value has
        // been dropped.
        unsafe { object::free(self.object) };
    }
}

impl<T: Reclaim + ?Sized> Deref for UniqueRcuBox<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: By the type invariant the object is live. It is borrowed with the box.
        unsafe { object::value(self.object) }
    }
}

impl<T: Reclaim + Unpin + ?Sized> DerefMut for UniqueRcuBox<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: By the type invariant the object is live and owned.
        unsafe { object::value_of(self.object).as_mut() }
    }
}
