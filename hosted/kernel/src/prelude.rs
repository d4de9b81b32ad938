// SPDX-License-Identifier: GPL-2.0

//! The names that every file of the module imports.

pub use crate::{
    alloc::{flags::*, KBox, KVVec, KVec},
    build_assert,
    error::{code::*, Error, Result},
    init::InPlaceInit,
    pr_err, pr_info, try_pin_init,
};
pub use core::{
    ffi::{c_char, c_int, c_long, c_uint, c_ulong, c_void, CStr},
    mem::{align_of, size_of},
    pin::Pin,
};
pub use pinned_init::{pin_data, pin_init, pinned_drop, Init, PinInit};
