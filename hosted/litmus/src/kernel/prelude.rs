// SPDX-License-Identifier: GPL-2.0

//! The items that every file of the module imports.

pub use super::alloc::KBox;
pub use core::{
    ffi::{c_char, c_int, c_long, c_ulong, CStr},
    pin::Pin,
};
pub use pinned_init::{pin_data, pin_init, pinned_drop, PinInit};
pub use stand_in::{
    alloc::flags::*,
    build_assert,
    error::{code::*, Error, Result},
    init::InPlaceInit,
    pr_err, try_pin_init,
};

/// Methods of strings that the kernel crate adds.
pub trait CStrExt {
    /// Returns a pointer to the string.
    fn as_char_ptr(&self) -> *const c_char;
}

impl CStrExt for CStr {
    fn as_char_ptr(&self) -> *const c_char {
        self.as_ptr()
    }
}
