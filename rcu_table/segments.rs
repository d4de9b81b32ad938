// SPDX-License-Identifier: GPL-2.0

//! A list that grows without moving its elements. A growing array of a million operations copies
//! megabytes at a time, between two points at which the kernel can reschedule.

use super::{fib::gfp, table::yield_after};
use core::{mem::size_of, slice};
use kernel::prelude::*;

/// A list of segments. Dropping it yields the CPU now and then, so it must be dropped in a context
/// that may sleep.
pub struct Segments<T> {
    full: KVVec<KVVec<T>>,
    open: KVVec<T>,
    len: usize,
}

impl<T> Segments<T> {
    /// The bytes of a segment, and its elements.
    const BYTES: usize = 16 << 10;
    const LEN: usize = Self::BYTES / size_of::<T>();

    /// Creates an empty list.
    pub const fn new() -> Self {
        Self {
            full: KVVec::new(),
            open: KVVec::new(),
            len: 0,
        }
    }

    /// Allocates room for `count` elements, which must fit in a segment.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub fn reserve(&mut self, count: usize) -> Result {
        if self.open.capacity() - self.open.len() >= count {
            return Ok(());
        }
        self.full.reserve(1, gfp())?;
        let open = KVVec::with_capacity(Self::LEN, gfp())?;
        let full = core::mem::replace(&mut self.open, open);
        if !full.is_empty() {
            // There is room, so this cannot fail.
            let _ = self.full.push_within_capacity(full);
        }
        Ok(())
    }

    /// Appends an element for which [`Self::reserve`] has made room.
    pub fn push(&mut self, element: T) {
        if self.open.push_within_capacity(element).is_ok() {
            self.len += 1;
        }
    }

    /// Removes and returns the last element.
    pub fn pop(&mut self) -> Option<T> {
        loop {
            let last = self.open.pop();
            if last.is_some() {
                self.len -= 1;
                return last;
            }
            self.open = self.full.pop()?;
        }
    }

    /// Returns the number of elements.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Returns the elements in order.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter {
            full: self.full.iter(),
            segment: [].iter(),
            open: self.open.iter(),
        }
    }
}

/// The elements of a list in order. A type with a short name: objtool warns about symbols that are
/// too long for its prefix, and the adapters of `core` would be part of each symbol.
pub struct Iter<'a, T> {
    full: slice::Iter<'a, KVVec<T>>,
    segment: slice::Iter<'a, T>,
    open: slice::Iter<'a, T>,
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        loop {
            let element = self.segment.next();
            if element.is_some() {
                return element;
            }
            match self.full.next() {
                Some(segment) => self.segment = segment.iter(),
                None => return self.open.next(),
            }
        }
    }
}

// Deriving it would require that the elements are `Clone`.
impl<T> Clone for Iter<'_, T> {
    fn clone(&self) -> Self {
        Self {
            full: self.full.clone(),
            segment: self.segment.clone(),
            open: self.open.clone(),
        }
    }
}

impl<T> Default for Segments<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Drop for Segments<T> {
    fn drop(&mut self) {
        let mut freed = 0;
        while let Some(segment) = self.full.pop() {
            drop(segment);
            freed += 1;
            yield_after(freed);
        }
    }
}
