// SPDX-License-Identifier: GPL-2.0

//! The items that every file of the module imports.

pub use super::alloc::KBox;
pub use core::{
    ffi::{c_ulong, CStr},
    pin::Pin,
};
pub use pinned_init::{pin_data, pin_init, pinned_drop, PinInit};
pub use stand_in::{
    alloc::flags::*,
    error::{Error, Result},
    init::InPlaceInit,
    pr_err, try_pin_init,
};
