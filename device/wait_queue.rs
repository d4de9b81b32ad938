// SPDX-License-Identifier: GPL-2.0

//! Whom to wake when there is something to read: what `poll()` waits in.
//!
//! The kernel crate's `PollCondVar` waits for a grace period when it goes, which would make each
//! `close()` wait. It serves queues that can go before the file does; this one is part of the file.
//!
//! C header: [`include/linux/wait.h`](srctree/include/linux/wait.h)

use kernel::{bindings, c_str, prelude::*, static_lock_class, task::TASK_NORMAL, types::Opaque};

/// A queue of those who wait for an open file.
///
/// # Invariants
///
/// `head` is initialised, pinned, and part of a file's private data: everyone in it holds a reference to
/// the file, so that it is empty when it goes.
#[pin_data]
pub(super) struct WaitQueue {
    #[pin]
    head: Opaque<bindings::wait_queue_head>,
}

// SAFETY: A wait queue may be used from any thread.
unsafe impl Send for WaitQueue {}
// SAFETY: Its own spin lock serialises those who use it.
unsafe impl Sync for WaitQueue {}

impl WaitQueue {
    /// An empty queue, for the private data of a file.
    pub(super) fn new() -> impl PinInit<Self> {
        let key = static_lock_class!();
        let key = core::ptr::from_ref(key.get_ref()).cast_mut().cast();
        let name = c_str!("rust_rcu_demo");
        pin_init!(Self {
            // INVARIANT: It is initialised here.
            head <- Opaque::ffi_init(move |head| {
                // SAFETY: The slot is valid for writes and pinned; the name and the key are static.
                unsafe { bindings::__init_waitqueue_head(head, name.as_char_ptr(), key) }
            }),
        })
    }

    /// Wakes all who wait for `events`. What it is that they wait for has to be seen by whoever comes
    /// into the queue after this call; the queue's lock sees to it.
    pub(super) fn wake_all(&self, events: u32) {
        let key = events as usize as *mut c_void;
        // SAFETY: By the type invariant the queue is initialised; the key is a bit mask, not followed.
        unsafe { bindings::__wake_up(self.head.get(), TASK_NORMAL, 0, key) };
    }

    /// Lets `poll()` wait in the queue.
    ///
    /// # Safety
    ///
    /// `file` and `table` are the arguments of the `poll` operation of the file that the queue is part of,
    /// which is running.
    pub(super) unsafe fn poll_wait(
        &self,
        file: *mut bindings::file,
        table: *mut bindings::poll_table,
    ) {
        // SAFETY: File and table are valid by the caller's promise. The queue outlives its waiters by the
        // type invariant.
        unsafe { bindings::poll_wait(file, self.head.get(), table) };
    }
}
