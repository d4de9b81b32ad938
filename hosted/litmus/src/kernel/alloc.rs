// SPDX-License-Identifier: GPL-2.0

//! Memory that is freed when an execution is over, not before: a reader that goes wrong finds the
//! remains of an object, of which the model checker complains.

pub use stand_in::alloc::{AllocError, Flags};

use super::prelude::*;
use core::{
    mem::{ManuallyDrop, MaybeUninit},
    ops::{Deref, DerefMut},
    ptr,
};
use std::{
    alloc::{dealloc, Layout},
    cell::RefCell,
    thread::panicking,
};

thread_local! {
    static FREED: RefCell<Freed> = const { RefCell::new(Freed(Vec::new())) };
}

/// The memory of objects that are gone.
///
/// # Invariants
///
/// Each is an allocation of the global allocator with its layout, and nobody else frees it.
struct Freed(Vec<(*mut u8, Layout)>);

impl Drop for Freed {
    fn drop(&mut self) {
        for &(memory, layout) in &self.0 {
            // SAFETY: By the type invariant.
            unsafe { dealloc(memory, layout) };
        }
    }
}

/// Frees what the last execution has freed.
pub(super) fn free_all() {
    drop(FREED.replace(Freed(Vec::new())));
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
        // SAFETY: The box is not dropped, so what is taken out is there once.
        Box::into_raw(unsafe { ManuallyDrop::take(&mut b.0) })
    }

    /// # Safety
    ///
    /// `raw` came from `into_raw()` of a box with the same layout, and was not taken back since.
    pub unsafe fn from_raw(raw: *mut T) -> Self {
        // SAFETY: As the caller promises.
        Self(ManuallyDrop::new(unsafe { Box::from_raw(raw) }))
    }
}

impl<T: ?Sized> Drop for KBox<T> {
    fn drop(&mut self) {
        // What is in it would ask the model checker, which is in no state to answer.
        if panicking() {
            return;
        }
        let value = ptr::from_mut::<T>(&mut self.0);
        // SAFETY: The value is live.
        let layout = Layout::for_value(unsafe { &*value });
        // SAFETY: The value is live and ours.
        unsafe { ptr::drop_in_place(value) };
        if layout.size() != 0 {
            // INVARIANT: It came from a `Box`, which is gone without having freed it.
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
        // SAFETY: The place is valid, uninitialised, and stays where it is.
        unsafe { init.__pinned_init(place.as_mut_ptr())? };
        // SAFETY: The layout is the same, and a `T` is there now.
        let full = unsafe { KBox::from_raw(KBox::into_raw(place).cast::<T>()) };
        // SAFETY: The value has its own allocation and does not move when the box does.
        Ok(unsafe { Pin::new_unchecked(full) })
    }
}
