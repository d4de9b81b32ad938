// SPDX-License-Identifier: GPL-2.0

//! Objects in an `XArray`. A reader finds an object by its index under RCU, and acquires the
//! object's own spin lock, without the array's lock and without `unsafe`.

#![deny(unsafe_code)]

pub mod rcu;

use kernel::{
    new_spinlock,
    prelude::*,
    sync::SpinLock,
    xarray::{AllocKind, XArray},
};
use rcu::{find_and_lock, xa_load, RcuBox, Reclaim, Softirq, UniqueRcuBox};

rcu::drained_module! {
    type: Sample,
    name: "rcu_xarray",
    authors: ["The rust_rcu_demo maintainers"],
    description: "Sample: objects in an XArray that readers find under RCU, in safe Rust",
    license: "GPL",
}

/// A number by which users know a buffer. It logs the end of its buffer.
struct Handle(usize);

impl Drop for Handle {
    fn drop(&mut self) {
        pr_info!("buffer {} freed\n", self.0);
    }
}

/// A buffer object with a lock of its own.
#[pin_data]
struct Buffer {
    handle: Handle,
    #[pin]
    state: SpinLock<State>,
}

/// What the lock of a buffer protects.
struct State {
    users: u32,
    /// Set by the remover, so that nobody uses a buffer that was found before it was removed.
    is_closed: bool,
}

impl Buffer {
    fn new(handle: usize) -> Result<RcuBox<Self>> {
        let state = State {
            users: 0,
            is_closed: false,
        };
        let buffer = pin_init!(Self {
            handle: Handle(handle),
            state <- new_spinlock!(state, "buffer"),
        });
        Ok(UniqueRcuBox::pin_init(buffer, GFP_KERNEL)?.into())
    }
}

impl Reclaim for Buffer {
    type Context = Softirq;
}

/// Finds a buffer and counts a user of it. Returns the number of users.
///
/// C's `rcu_read_lock(); p = xa_load(); spin_lock(&p->lock); rcu_read_unlock();`.
fn open(buffers: &XArray<RcuBox<Buffer>>, handle: usize) -> Result<u32> {
    let mut found = find_and_lock(
        |search| xa_load(buffers, handle, search),
        |buffer| &buffer.state,
    )
    .ok_or(ENOENT)?;
    if found.is_closed {
        return Err(ENOENT);
    }
    found.users += 1;
    Ok(found.users)
}

/// Removes a buffer. It is freed after a grace period.
fn close(buffers: &XArray<RcuBox<Buffer>>, handle: usize) -> Result {
    let buffer = buffers.lock().remove(handle).ok_or(ENOENT)?;
    buffer.state.lock().is_closed = true;
    buffer.retire().call_rcu();
    Ok(())
}

#[pin_data]
struct Sample {
    #[pin]
    buffers: XArray<RcuBox<Buffer>>,
}

impl kernel::InPlaceModule for Sample {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            buffers <- XArray::new(AllocKind::Alloc),
            _: {
                for handle in [3, 4] {
                    // Allocates before it acquires the array's lock, a spin lock.
                    let buffer = Buffer::new(handle)?;
                    buffers.lock().store(handle, buffer, GFP_KERNEL)?;
                }
                open(&buffers, 3)?;
                pr_info!("buffer 3 has {} users\n", open(&buffers, 3)?);
                close(&buffers, 3)?;
                let is_gone = open(&buffers, 3) == Err(ENOENT);
                pr_info!("buffer 3 is gone: {is_gone}\n");
            },
        })
    }
}
