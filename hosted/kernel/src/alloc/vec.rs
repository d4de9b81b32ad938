// SPDX-License-Identifier: GPL-2.0

//! Growing arrays.

use super::{AllocError, Flags};
use crate::stretch;
use core::{
    alloc::Layout,
    fmt,
    marker::PhantomData,
    ops::{Deref, DerefMut},
    ptr::{self, NonNull},
    slice,
};

/// An array whose growth can fail.
///
/// Growth always allocates new memory and copies; the kernel tries `krealloc()` first. Elements
/// must not have size 0.
///
/// # Invariants
///
/// - `elements` has room for `capacity` elements, in memory from `allocate()`, or
///   is dangling if `capacity` is 0.
/// - The first `len` of them are live; `len` is at most `capacity`.
pub struct Vec<T> {
    elements: NonNull<T>,
    capacity: usize,
    len: usize,
    owned: PhantomData<T>,
}

/// Memory from `kmalloc()`.
pub type KVec<T> = Vec<T>;
/// Memory from `kmalloc()`, or from `vmalloc()` if large, in the kernel.
pub type KVVec<T> = Vec<T>;

/// The element that did not fit.
#[derive(Debug, PartialEq, Eq)]
pub struct PushError<T>(pub T);

/// The index is out of bounds.
#[derive(Debug, PartialEq, Eq)]
pub struct RemoveError;

// SAFETY: An array owns its elements, as plain values would be owned.
unsafe impl<T: Send> Send for Vec<T> {}
// SAFETY: A shared array gives only shared access to its elements.
unsafe impl<T: Sync> Sync for Vec<T> {}

impl<T> Vec<T> {
    /// Creates an empty array without memory.
    pub const fn new() -> Self {
        const {
            assert!(
                size_of::<T>() != 0,
                "the stand-in does not support elements of size 0"
            )
        };
        // INVARIANT: The capacity and the length are 0.
        Self {
            elements: NonNull::dangling(),
            capacity: 0,
            len: 0,
            owned: PhantomData,
        }
    }

    /// Creates an empty array with room for exactly `capacity` elements.
    ///
    /// Errors: [`AllocError`]. Context: as `flags` say.
    #[track_caller]
    pub fn with_capacity(capacity: usize, flags: Flags) -> Result<Self, AllocError> {
        let mut this = Self::new();
        this.grow_to(capacity, flags)?;
        Ok(this)
    }

    /// Returns the capacity in elements.
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Creates an array of `n` clones of `value`.
    ///
    /// Errors: [`AllocError`]. Context: as `flags` say.
    #[track_caller]
    pub fn from_elem(value: T, n: usize, flags: Flags) -> Result<Self, AllocError>
    where
        T: Clone,
    {
        let mut this = Self::with_capacity(n, flags)?;
        crate::stretch::count_copied(n * size_of::<T>());
        while this.len < n {
            this.push(value.clone(), flags)?;
        }
        Ok(this)
    }

    /// Removes the last element.
    pub fn pop(&mut self) -> Option<T> {
        self.remove(self.len.checked_sub(1)?).ok()
    }

    /// Makes room for `additional` more elements.
    ///
    /// Errors: [`AllocError`]. Context: as `flags` say.
    #[track_caller]
    pub fn reserve(&mut self, additional: usize, flags: Flags) -> Result<(), AllocError> {
        let needed = self.len.checked_add(additional).ok_or(AllocError)?;
        if needed <= self.capacity {
            return Ok(());
        }
        self.grow_to(needed.max(self.capacity.saturating_mul(2)), flags)
    }

    /// Grows the capacity to `capacity` elements.
    #[track_caller]
    fn grow_to(&mut self, capacity: usize, flags: Flags) -> Result<(), AllocError> {
        if capacity == 0 {
            return Ok(());
        }
        let layout = Layout::array::<T>(capacity).map_err(|_| AllocError)?;
        let elements = super::allocate(layout, flags)?.cast::<T>();
        stretch::count_copied(self.len * size_of::<T>());
        // SAFETY: The old memory has `len` elements; the new memory has room for them and is
        // distinct.
        unsafe { ptr::copy_nonoverlapping(self.elements.as_ptr(), elements.as_ptr(), self.len) };
        // SAFETY: The elements were moved out of the old memory.
        unsafe { self.free_place() };
        // INVARIANT: The new memory has the capacity and the elements.
        self.elements = elements;
        self.capacity = capacity;
        Ok(())
    }

    /// Frees the memory without dropping the elements.
    ///
    /// # Safety
    ///
    /// The elements were moved or dropped. The caller replaces `elements` or ends the array.
    unsafe fn free_place(&mut self) {
        if self.capacity != 0 {
            // SAFETY: By the type invariant it came from `allocate()`.
            unsafe { super::free(self.elements.cast()) };
        }
    }

    /// Appends an element, allocating if needed.
    ///
    /// Errors: [`AllocError`]. Context: as `flags` say.
    #[track_caller]
    pub fn push(&mut self, value: T, flags: Flags) -> Result<(), AllocError> {
        self.reserve(1, flags)?;
        self.push_within_capacity(value).map_err(|_| AllocError)
    }

    /// Appends an element if there is room.
    ///
    /// Errors: [`PushError`] returns the element.
    pub fn push_within_capacity(&mut self, value: T) -> Result<(), PushError<T>> {
        if self.len == self.capacity {
            return Err(PushError(value));
        }
        // SAFETY: `len` is less than the capacity.
        let place = unsafe { self.elements.add(self.len) };
        // SAFETY: The place is within the memory and has no element.
        unsafe { place.write(value) };
        // INVARIANT: The element was written above.
        self.len += 1;
        Ok(())
    }

    /// Appends copies of elements.
    ///
    /// Errors: [`AllocError`]. Context: as `flags` say.
    #[track_caller]
    pub fn extend_from_slice(&mut self, other: &[T], flags: Flags) -> Result<(), AllocError>
    where
        T: Clone,
    {
        self.reserve(other.len(), flags)?;
        for value in other {
            self.push_within_capacity(value.clone())
                .map_err(|_| AllocError)?;
        }
        Ok(())
    }

    /// Removes an element and moves the following elements one place forward.
    ///
    /// Errors: [`RemoveError`].
    pub fn remove(&mut self, at: usize) -> Result<T, RemoveError> {
        if at >= self.len {
            return Err(RemoveError);
        }
        // SAFETY: The index was checked above.
        let place = unsafe { self.elements.add(at) };
        // SAFETY: The element is live. It is moved out once, because its place is overwritten or
        // cut off.
        let value = unsafe { place.read() };
        // INVARIANT: The elements before the new end are live after the copy below.
        self.len -= 1;
        // SAFETY: `len - at` elements follow the place; the copy stays within the old length.
        unsafe { ptr::copy(place.as_ptr().add(1), place.as_ptr(), self.len - at) };
        Ok(value)
    }

    /// Drops the elements from `len` on.
    pub fn truncate(&mut self, len: usize) {
        if len >= self.len {
            return;
        }
        let tail: *mut [T] = &mut self[len..];
        // INVARIANT: The tail is cut off before it is dropped.
        self.len = len;
        // SAFETY: The elements are live and no longer part of the array.
        unsafe { ptr::drop_in_place(tail) };
    }

    /// Drops all elements and keeps the memory.
    pub fn clear(&mut self) {
        self.truncate(0);
    }
}

impl<T> Drop for Vec<T> {
    fn drop(&mut self) {
        self.clear();
        // SAFETY: The elements were dropped, and the array ends here.
        unsafe { self.free_place() };
    }
}

impl<T> Default for Vec<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Deref for Vec<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        stretch::count_access();
        // SAFETY: By the type invariant `len` elements are live.
        unsafe { slice::from_raw_parts(self.elements.as_ptr(), self.len) }
    }
}

impl<T> DerefMut for Vec<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        stretch::count_access();
        // SAFETY: By the type invariant `len` elements are live, and they are borrowed exclusively.
        unsafe { slice::from_raw_parts_mut(self.elements.as_ptr(), self.len) }
    }
}

impl<'a, T> IntoIterator for &'a Vec<T> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: PartialEq> PartialEq for Vec<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for Vec<T> {}

impl<T: fmt::Debug> fmt::Debug for Vec<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
