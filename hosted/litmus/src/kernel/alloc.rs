// SPDX-License-Identifier: GPL-2.0

//! Memory that is not freed before the execution ends. A reader that accesses a dropped object then
//! reads allocated memory, and the model checker reports the access.

pub use stand_in::alloc::{AllocError, Allocator, Flags, NumaNode};

use super::prelude::*;
use core::{
    mem::{ManuallyDrop, MaybeUninit},
    ops::{Deref, DerefMut},
    ptr::{self, NonNull},
};
use std::{
    alloc::{alloc, dealloc, Layout},
    cell::RefCell,
    thread::panicking,
};

thread_local! {
    static FREED: RefCell<Freed> = const { RefCell::new(Freed(Vec::new())) };
}

/// The memory of dropped objects, and all memory of the allocators.
///
/// # Invariants
///
/// Each pointer is an allocation of the global allocator with that layout, and is not freed
/// elsewhere.
struct Freed(Vec<(*mut u8, Layout)>);

impl Drop for Freed {
    fn drop(&mut self) {
        for &(memory, layout) in &self.0 {
            // SAFETY: By the type invariant, `memory` is allocated with `layout`, and is freed only
            // here.
            unsafe { dealloc(memory, layout) };
        }
    }
}

/// Frees the memory of the last execution's dropped objects.
pub(super) fn free_all() {
    drop(FREED.replace(Freed(Vec::new())));
}

/// The allocators. Their memory is freed when the next execution begins.
pub mod allocator {
    use super::*;

    macro_rules! allocators {
        ($($name:ident)*) => {$(
            pub struct $name;

            impl Allocator for $name {
                fn alloc(
                    layout: Layout,
                    _: Flags,
                    _: NumaNode,
                ) -> Result<NonNull<[u8]>, AllocError> {
                    assert_ne!(layout.size(), 0);
                    // SAFETY: The layout has a size.
                    let memory = NonNull::new(unsafe { alloc(layout) }).ok_or(AllocError)?;
                    // INVARIANT: The global allocator allocated the memory, and `kvfree()` does not
                    // free it.
                    FREED.with_borrow_mut(|freed| freed.0.push((memory.as_ptr(), layout)));
                    Ok(NonNull::slice_from_raw_parts(memory, layout.size()))
                }
            }
        )*};
    }

    allocators! { Kmalloc Vmalloc KVmalloc }
}

/// An owned allocation.
pub struct KBox<T: ?Sized>(ManuallyDrop<Box<T>>);

impl<T> KBox<T> {
    pub fn new(value: T, _flags: Flags) -> Result<Self, AllocError> {
        Ok(Self(ManuallyDrop::new(Box::new(value))))
    }
}

impl<T: ?Sized> KBox<T> {
    pub fn into_raw(b: Self) -> *mut T {
        let mut b = ManuallyDrop::new(b);
        // SAFETY: `b` is not used afterwards, and its destructor does not run.
        Box::into_raw(unsafe { ManuallyDrop::take(&mut b.0) })
    }

    /// # Safety
    ///
    /// `into_raw()` of a box with the same layout returned `raw`, and no other box owns it.
    pub unsafe fn from_raw(raw: *mut T) -> Self {
        // SAFETY: By this function's requirements, `raw` is an allocation that no box owns.
        Self(ManuallyDrop::new(unsafe { Box::from_raw(raw) }))
    }
}

impl<T: ?Sized> Drop for KBox<T> {
    fn drop(&mut self) {
        // After a failure, the value's destructor must not call the model checker.
        if panicking() {
            return;
        }
        let value = ptr::from_mut::<T>(&mut self.0);
        // SAFETY: The value is live.
        let layout = Layout::for_value(unsafe { &*value });
        // SAFETY: The box owns the value, which is not used afterwards.
        unsafe { ptr::drop_in_place(value) };
        if layout.size() != 0 {
            // INVARIANT: The `Box` that allocated the memory is in a `ManuallyDrop`, so only
            // `Freed` frees the memory.
            FREED.with_borrow_mut(|freed| freed.0.push((value.cast(), layout)));
        }
    }
}

impl<T: ?Sized> Deref for KBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: ?Sized> DerefMut for KBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T> InPlaceInit<T> for KBox<T> {
    type PinnedSelf = Pin<Self>;

    fn try_pin_init<E>(init: impl PinInit<T, E>, flags: Flags) -> Result<Pin<Self>, E>
    where
        E: From<AllocError>,
    {
        let mut place = KBox::new(MaybeUninit::<T>::uninit(), flags)?;
        // SAFETY: The place is valid for writes, and its allocation does not move.
        unsafe { init.__pinned_init(place.as_mut_ptr())? };
        // SAFETY: `T` and `MaybeUninit<T>` have the same layout, and the value is initialised.
        let initialised = unsafe { KBox::from_raw(KBox::into_raw(place).cast::<T>()) };
        // SAFETY: The value has its own allocation, so it does not move with the box.
        Ok(unsafe { Pin::new_unchecked(initialised) })
    }
}
