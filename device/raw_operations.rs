// SPDX-License-Identifier: GPL-2.0

//! The file operations that the kernel crate's `MiscDevice` cannot implement: `flush()`, and before
//! 7.0 `poll()`.
//!
//! C header: [`include/linux/fs.h`](srctree/include/linux/fs.h)

use super::open_file::OpenFile;
use kernel::{bindings, prelude::*, types::ForeignOwnable};

/// Sets the operations in the table of a device whose files are [`OpenFile`]s.
pub(super) fn install(operations: &mut bindings::file_operations) {
    operations.flush = Some(flush);
    operations.poll = Some(poll);
}

/// Borrows the private data of a file.
///
/// # Safety
///
/// `file` must be an open file of the device, and must stay open for `'a`.
unsafe fn open_file<'a>(file: *mut bindings::file) -> Pin<&'a OpenFile> {
    // SAFETY: The caller keeps the file open, and its private data does not change until release.
    let private = unsafe { (*file).private_data };
    // SAFETY: `open()` stored the pointer, and `release()` consumes it after the file was closed.
    unsafe { <Pin<KBox<OpenFile>> as ForeignOwnable>::borrow(private) }
}

/// Computes the result of `close()`. The kernel calls it at each `close()` of a descriptor.
///
/// # Safety
///
/// Only the VFS may call it, for an open file of the device.
unsafe extern "C" fn flush(file: *mut bindings::file, _owner: bindings::fl_owner_t) -> c_int {
    // SAFETY: The VFS passes an open file of the device, and keeps it open during the call.
    match unsafe { open_file(file) }.closing() {
        Ok(()) => 0,
        Err(error) => error.to_errno(),
    }
}

/// Registers the poller and returns the current mask, for `poll()`, `select()` and `epoll`.
///
/// # Safety
///
/// Only the VFS may call it, for an open file of the device.
unsafe extern "C" fn poll(
    file: *mut bindings::file,
    table: *mut bindings::poll_table,
) -> bindings::__poll_t {
    // SAFETY: The VFS passes an open file of the device, and keeps it open during the call.
    let open_file = unsafe { open_file(file) };
    // SAFETY: `file` and `table` are the arguments of this call, and the queue is part of the
    // file's private data.
    unsafe { open_file.pollers().poll_wait(file, table) };
    open_file.poll_mask()
}
