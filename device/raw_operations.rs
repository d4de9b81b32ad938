// SPDX-License-Identifier: GPL-2.0

//! The file operations that the kernel crate's `MiscDevice` cannot implement: `flush()`, and before
//! 7.0 `poll()`. It also reads fields of a file that the crate does not expose.
//!
//! C header: [`include/linux/fs.h`](srctree/include/linux/fs.h)

use super::open_file::OpenFile;
use core::sync::atomic::{AtomicIsize, Ordering};
use kernel::{
    bindings,
    fs::{file::flags::O_NONBLOCK, File, Kiocb},
    prelude::*,
    types::ForeignOwnable,
};

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

/// Makes a file that is being opened a stream: `pread()` and `pwrite()` fail with `ESPIPE`.
/// Otherwise they would succeed and ignore their offset.
pub(super) fn make_stream(file: &File) {
    // SAFETY: `open()` has not returned, so no other task uses the file yet. `stream_open()` does
    // not use the inode.
    unsafe { bindings::stream_open(core::ptr::null_mut(), file.as_ptr()) };
}

/// Returns whether a `read()` or `write()` must not wait for another call on its file.
pub(super) fn is_nonblocking(kiocb: &Kiocb<'_, Pin<KBox<OpenFile>>>) -> bool {
    // SAFETY: The kernel keeps the control block and its file during the call.
    let flags = unsafe { (*(*kiocb.as_raw()).ki_filp).f_flags };
    flags & O_NONBLOCK != 0
}

/// Returns whether the caller holds the only reference to the file. Duplicates of the descriptor
/// hold references, and so do calls that other threads make at this time.
///
/// # Safety
///
/// `file` must be an open file.
unsafe fn is_last_reference(file: *mut bindings::file) -> bool {
    /// The counter of `file_ref_t` starts at 0 for the first reference.
    const ONE_REFERENCE: isize = 0;
    // SAFETY: The caller passes an open file. The counter has the size of a `long`, and all its
    // users access it atomically.
    let count = unsafe { AtomicIsize::from_ptr((&raw mut (*file).f_ref.refcnt).cast()) };
    // ORDERING: Acquire pairs with the release of the last other reference.
    count.load(Ordering::Acquire) == ONE_REFERENCE
}

/// Computes the result of `close()`. The kernel calls it at each `close()` of a descriptor. Only
/// the last one reports an unfinished line or transaction. It must not wait for another call.
///
/// # Safety
///
/// Only the VFS may call it, for an open file of the device.
unsafe extern "C" fn flush(file: *mut bindings::file, _owner: bindings::fl_owner_t) -> c_int {
    // SAFETY: The VFS passes an open file of the device, and keeps it open during the call.
    let is_last = unsafe { is_last_reference(file) };
    // SAFETY: As above.
    let open_file = unsafe { open_file(file) };
    match open_file.closing() {
        Err(error) if is_last => error.to_errno(),
        _ => 0,
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
    // SAFETY: `file` and `table` are the arguments of this call, and the file's private data owns
    // the queue.
    unsafe { open_file.pollers().poll_wait(file, table) };
    open_file.poll_mask()
}
