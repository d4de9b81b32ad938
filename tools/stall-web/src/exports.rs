// SPDX-License-Identifier: GPL-2.0

//! The functions that JavaScript calls.

#![expect(
    unsafe_code,
    reason = "a name without mangling is an unsafe attribute; no code here is unsafe"
)]

use std::cell::RefCell;

use crate::Session;

thread_local! {
    static SESSION: RefCell<Session> = RefCell::default();
}

/// Returns the address of `size` bytes for the next name and log.
///
/// They remain valid until the next call of `input` or `add`.
#[no_mangle]
pub extern "C" fn input(size: usize) -> *mut u8 {
    SESSION.with_borrow_mut(|session| {
        session.input = vec![0; size];
        session.input.as_mut_ptr()
    })
}

/// Adds the log that follows `name_size` bytes of its name. Returns 1 if it is cut or damaged.
#[no_mangle]
pub extern "C" fn add(name_size: usize) -> u32 {
    SESSION.with_borrow_mut(|session| u32::from(session.add(name_size).is_err()))
}

/// Writes the page.
#[no_mangle]
pub extern "C" fn finish() {
    SESSION.with_borrow_mut(Session::finish);
}

/// Returns the address of the page, valid until the next call of `finish`.
#[no_mangle]
pub extern "C" fn output() -> *const u8 {
    SESSION.with_borrow(|session| session.output.as_ptr())
}

/// Returns the size of the page in bytes.
#[no_mangle]
pub extern "C" fn output_size() -> usize {
    SESSION.with_borrow(|session| session.output.len())
}
