// SPDX-License-Identifier: GPL-2.0

//! The wait queue of a file, for `poll()`.
//!
//! The kernel crate's `PollCondVar` waits for a grace period when it is dropped, because its queue
//! may be freed before the file. The file owns this queue, so `close()` need not wait.
//!
//! C header: [`include/linux/wait.h`](srctree/include/linux/wait.h)

#![expect(unsafe_code, reason = "wraps a wait queue")]

use kernel::{bindings, c_str, prelude::*, static_lock_class, task::TASK_NORMAL, types::Opaque};

/// The events of a readable file.
pub(crate) const READABLE: u32 = bindings::POLLIN | bindings::POLLRDNORM;

/// The wait queue of a file.
///
/// # Invariants
///
/// `head` is initialised and pinned. A file's private data owns a reference to the queue until the
/// file's `release()`. A `poll()` holds a reference to the file. An epoll instance holds none, but the
/// kernel removes its waiters before `release()`. So the queue is empty when it is freed.
#[pin_data]
pub struct PollQueue {
    #[pin]
    head: Opaque<bindings::wait_queue_head>,
}

// SAFETY: A wait queue may be used from any thread.
unsafe impl Send for PollQueue {}
// SAFETY: The queue's own spin lock serialises its users.
unsafe impl Sync for PollQueue {}

impl PollQueue {
    /// Creates an empty queue for the private data of a file.
    pub fn new() -> impl PinInit<Self> {
        let key = static_lock_class!();
        let key = core::ptr::from_ref(key.get_ref()).cast_mut().cast();
        let name = c_str!("rust_rcu_demo");
        pin_init!(Self {
            // INVARIANT: It is initialised here.
            head <- Opaque::ffi_init(move |head| {
                // SAFETY: `head` is valid for writes and pinned; the name and the key are static.
                unsafe { bindings::__init_waitqueue_head(head, name.as_char_ptr(), key) }
            }),
        })
    }

    /// Wakes all tasks that wait for [`READABLE`]. A task that joins the queue later sees the
    /// caller's earlier stores: the queue's lock orders them.
    ///
    /// Context: any.
    pub fn wake_all(&self) {
        let key = READABLE as usize as *mut c_void;
        // SAFETY: By the type invariant the queue is initialised; the key is a mask that is not
        // dereferenced.
        unsafe { bindings::__wake_up(self.head.get(), TASK_NORMAL, 0, key) };
    }

    /// Adds the current task to the queue, for `poll()`.
    ///
    /// # Safety
    ///
    /// `file` and `table` must be the arguments of a running `poll` operation, of the file whose
    /// private data owns the queue.
    pub unsafe fn poll_wait(&self, file: *mut bindings::file, table: *mut bindings::poll_table) {
        // SAFETY: The caller passes the arguments of the running operation, so both are valid. By
        // the type invariant the queue outlives its waiters.
        unsafe { bindings::poll_wait(file, self.head.get(), table) };
    }
}
