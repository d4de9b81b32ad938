// SPDX-License-Identifier: GPL-2.0

//! The device node.
//!
//! The kernel crate's own `MiscDeviceRegistration` leaves `file_operations.owner` empty before 7.0,
//! so that `rmmod` succeeds while the file is open and its next `read()` runs freed code. This one
//! sets it.
//!
//! C header: [`include/linux/miscdevice.h`](srctree/include/linux/miscdevice.h)

use super::file::OpenFile;
use crate::rcu_table::Table;
use core::cell::UnsafeCell;
use kernel::{
    bindings, c_str, container_of,
    error::to_result,
    miscdevice::{MiscDeviceOptions, MiscDeviceRegistration},
    prelude::*,
    sync::Arc,
    types::{ForeignOwnable, Opaque},
};

/// Keeps `/dev/rust_rcu_demo` in place for as long as it lives.
///
/// # Invariants
///
/// `misc` is registered, its `fops` point to `operations`, and neither moves.
#[pin_data(PinnedDrop)]
pub(crate) struct Registration {
    table: Arc<Table>,
    operations: UnsafeCell<bindings::file_operations>,
    #[pin]
    misc: Opaque<bindings::miscdevice>,
}

// SAFETY: `misc_deregister()` may be called from another thread than `misc_register()`; the
// operations are not written after registration; `Arc<Table>` is `Send`.
unsafe impl Send for Registration {}
// SAFETY: A shared reference gives access to the table only, which is `Sync`.
unsafe impl Sync for Registration {}

impl Registration {
    /// Registers the device for `table`. From then on files can be opened: make this the last
    /// fallible step of the module's init.
    pub(crate) fn new(module: &'static ThisModule, table: Arc<Table>) -> impl PinInit<Self, Error> {
        let misc = MiscDeviceOptions {
            name: c_str!("rust_rcu_demo"),
        }
        .into_raw::<OpenFile>();
        // SAFETY: `into_raw()` made it point to a constant.
        let mut operations = unsafe { *misc.fops };
        operations.owner = module.as_ptr();
        operations.flush = Some(flush);
        operations.poll = Some(poll);
        try_pin_init!(&this in Self {
            table,
            operations: UnsafeCell::new(operations),
            misc <- Opaque::try_ffi_init(move |slot: *mut bindings::miscdevice| {
                let mut misc = misc;
                // SAFETY: The operations were initialised just above, in memory that is pinned; this
                // only computes their address.
                misc.fops = unsafe { &raw const (*this.as_ptr()).operations }.cast();
                // SAFETY: The slot is valid for writes.
                unsafe { slot.write(misc) };
                // INVARIANT: On success it is registered; on failure there is no `Registration`.
                // SAFETY: The slot is initialised, pinned, and deregistered before it goes.
                to_result(unsafe { bindings::misc_register(slot) })
            }),
        })
    }

    /// The registration that a file was opened through.
    pub(super) fn of(device: &MiscDeviceRegistration<OpenFile>) -> &Self {
        // SAFETY: Only `Registration::new()` registers devices for `OpenFile`, so the device is the
        // field of a `Registration`, which lives while files are being opened.
        unsafe {
            &*container_of!(
                device.as_raw().cast::<Opaque<bindings::miscdevice>>(),
                Self,
                misc
            )
        }
    }

    /// The table behind the device.
    pub(super) fn table(&self) -> Arc<Table> {
        self.table.clone()
    }
}

/// Called at each `close()`, which returns what it returns; the kernel crate has no hook for it.
///
/// # Safety
///
/// Called by the VFS alone, for a file of an [`OpenFile`].
unsafe extern "C" fn flush(file: *mut bindings::file, _owner: bindings::fl_owner_t) -> c_int {
    // SAFETY: The file is valid during the call, and its private data does not change while it is open.
    let private = unsafe { (*file).private_data };
    // SAFETY: `open()` stored the pointer, and `release()` takes it back only after the last call here.
    let open_file = unsafe { <Pin<KBox<OpenFile>> as ForeignOwnable>::borrow(private) };
    match open_file.closing() {
        Ok(()) => 0,
        Err(error) => error.to_errno(),
    }
}

/// Called by `poll()` and its kin; before 7.0 at least, the kernel crate has no hook for it either.
///
/// # Safety
///
/// Called by the VFS alone, for a file of an [`OpenFile`].
unsafe extern "C" fn poll(
    file: *mut bindings::file,
    table: *mut bindings::poll_table,
) -> bindings::__poll_t {
    // SAFETY: The file is valid during the call, and its private data does not change while it is open.
    let private = unsafe { (*file).private_data };
    // SAFETY: `open()` stored the pointer, and `release()` takes it back only after the last call here.
    let open_file = unsafe { <Pin<KBox<OpenFile>> as ForeignOwnable>::borrow(private) };
    // SAFETY: They are the arguments of this call, and the queue is part of the file's private data.
    unsafe { open_file.readers().poll_wait(file, table) };
    open_file.events()
}

#[pinned_drop]
impl PinnedDrop for Registration {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariant it is registered.
        unsafe { bindings::misc_deregister(self.misc.get()) };
    }
}
