// SPDX-License-Identifier: GPL-2.0

//! Sorting. `core` has a sort, but its code ends in a call of a function that never returns and that
//! objtool does not know. With the options of distributions objtool then warns in each build.
//!
//! C header: [`include/linux/sort.h`](srctree/include/linux/sort.h)

#![expect(unsafe_code, reason = "calls a C function")]

use core::mem::size_of;
use kernel::prelude::*;

type Compare = unsafe extern "C" fn(*const c_void, *const c_void) -> c_int;
type Swap = unsafe extern "C" fn(*mut c_void, *mut c_void, c_int);

extern "C" {
    // The kernel crate has no bindings for its header.
    fn sort(base: *mut c_void, count: usize, size: usize, compare: Compare, swap: Option<Swap>);
}

/// Sorts numbers in ascending order: C's `sort()`.
///
/// Context: any.
pub(crate) fn sort_numbers(numbers: &mut [u64]) {
    let base = numbers.as_mut_ptr().cast();
    // SAFETY: The slice is valid for reads and writes, and `compare()` accepts pointers to its
    // elements. Without a function for swaps, C swaps their bytes.
    unsafe { sort(base, numbers.len(), size_of::<u64>(), compare, None) };
}

/// # Safety
///
/// Both arguments point to a `u64`.
unsafe extern "C" fn compare(left: *const c_void, right: *const c_void) -> c_int {
    // SAFETY: The caller promises pointers to numbers.
    let (left, right) = unsafe { (*left.cast::<u64>(), *right.cast::<u64>()) };
    left.cmp(&right) as c_int
}
