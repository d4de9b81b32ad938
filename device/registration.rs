// SPDX-License-Identifier: GPL-2.0

//! The registration of the device node.
//!
//! The kernel crate's `MiscDeviceRegistration` leaves `file_operations.owner` null before 7.0. Then
//! `rmmod` succeeds while the file is open, and its next `read()` runs freed code. This type sets
//! the owner.
//!
//! C header: [`include/linux/miscdevice.h`](srctree/include/linux/miscdevice.h)

use super::{open_file::OpenFile, raw_operations};
use crate::rcu_table::Table;
use core::cell::UnsafeCell;
use kernel::{
    bindings, c_str, container_of,
    error::to_result,
    miscdevice::{MiscDeviceOptions, MiscDeviceRegistration},
    prelude::*,
    sync::Arc,
    types::Opaque,
};

/// The registration of `/dev/rust_rcu_demo`. Dropping it deregisters the device.
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
    /// Registers the device for `table`. User space can open files from then on, so this must be
    /// the last fallible step of the module's init.
    pub(crate) fn new(module: &'static ThisModule, table: Arc<Table>) -> impl PinInit<Self, Error> {
        let misc = MiscDeviceOptions {
            name: c_str!("rust_rcu_demo"),
        }
        .into_raw::<OpenFile>();
        // SAFETY: `into_raw()` sets `fops` to a constant.
        let mut operations = unsafe { *misc.fops };
        operations.owner = module.as_ptr();
        raw_operations::install(&mut operations);
        try_pin_init!(&this in Self {
            table,
            operations: UnsafeCell::new(operations),
            misc <- Opaque::try_ffi_init(move |slot: *mut bindings::miscdevice| {
                let mut misc = misc;
                // SAFETY: `operations` was initialised just above, in pinned memory; this only
                // computes its address.
                misc.fops = unsafe { &raw const (*this.as_ptr()).operations }.cast();
                // SAFETY: The slot is valid for writes.
                unsafe { slot.write(misc) };
                // INVARIANT: On success it is registered; on failure there is no `Registration`.
                // SAFETY: The slot is initialised and pinned, and `drop()` deregisters it.
                to_result(unsafe { bindings::misc_register(slot) })
            }),
        })
    }

    /// Returns the registration of the device that a file is opened through.
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

    /// Returns the table behind the device.
    pub(super) fn table(&self) -> Arc<Table> {
        self.table.clone()
    }
}

#[pinned_drop]
impl PinnedDrop for Registration {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariant it is registered.
        unsafe { bindings::misc_deregister(self.misc.get()) };
    }
}
