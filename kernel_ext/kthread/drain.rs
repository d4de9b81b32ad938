// SPDX-License-Identifier: GPL-2.0

//! Keeps the module loaded until its threads have ended.

#![expect(unsafe_code, reason = "calls C functions")]

use core::sync::atomic::{AtomicUsize, Ordering};
use kernel::{bindings, prelude::*, types::Opaque};

/// [`CLOSED`], [`PREPARING`], or [`OPEN`] plus [`THREAD`] for each thread that was counted since.
static THREADS: AtomicUsize = AtomicUsize::new(CLOSED);

/// There is no [`ThreadDrain`], and no thread.
const CLOSED: usize = 0;
/// A [`ThreadDrain`] is being created.
const PREPARING: usize = 1;
/// A [`ThreadDrain`] exists, so threads may start.
const OPEN: usize = 2;
const THREAD: usize = 4;

/// Completed once for each counted thread, when that thread has left the module's code.
static ENDED: Ended = Ended(Opaque::uninit());

struct Ended(Opaque<bindings::completion>);

// SAFETY: C's functions synchronise their accesses to a completion.
unsafe impl Sync for Ended {}

/// Keeps the module's code loaded until its last [`Kthread`](super::Kthread) has ended, even one
/// that is owned by a `static`, or was forgotten.
///
/// Make it a field of the module's type, behind all fields that own threads, and initialise it
/// before them. Without it no thread starts.
///
/// Its drop requests the remaining threads to stop and waits until they have ended. A leaked drain
/// (`mem::forget`) does not wait. No type prevents the leak.
pub struct ThreadDrain(());

impl ThreadDrain {
    /// Creates the module's drain.
    ///
    /// Errors: `EBUSY` if the module has a drain already. Context: any.
    pub fn new() -> Result<Self> {
        // ORDERING: Acquire pairs with the release at the end of `drop()`: C no longer uses the
        // completion.
        THREADS
            .compare_exchange(CLOSED, PREPARING, Ordering::Acquire, Ordering::Relaxed)
            .map_err(|_| EBUSY)?;
        // SAFETY: The memory is static. No thread is counted, so nobody uses the completion, and
        // the exchange excludes other calls.
        unsafe { bindings::init_completion(ENDED.0.get()) };
        // ORDERING: Release pairs with the acquire in `Counted::new()`: a counted thread finds the
        // completion initialised.
        THREADS.store(OPEN, Ordering::Release);
        Ok(Self(()))
    }
}

impl Drop for ThreadDrain {
    fn drop(&mut self) {
        // ORDERING: Relaxed suffices: only the number matters, which does not change from here on.
        let counted = THREADS.fetch_and(!OPEN, Ordering::Relaxed) & !OPEN;
        for _ in 0..counted / THREAD {
            // SAFETY: `new()` has initialised the completion. Each counted thread completes it, so
            // this returns once for each.
            unsafe { bindings::wait_for_completion(ENDED.0.get()) };
        }
        THREADS.store(CLOSED, Ordering::Release);
    }
}

/// Returns whether the drain waits for the remaining threads.
pub(super) fn is_draining() -> bool {
    // ORDERING: Relaxed suffices: it is a request and publishes no other memory.
    THREADS.load(Ordering::Relaxed) & OPEN == 0
}

/// A thread that the drain waits for.
pub(super) struct Counted(());

impl Counted {
    /// Counts a thread that is about to be created. Returns `None` if there is no drain.
    pub(super) fn new() -> Option<Self> {
        let count = |threads| (threads & OPEN != 0).then_some(threads + THREAD);
        THREADS
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, count)
            .ok()
            .map(|_| Self(()))
    }

    /// Ends the current thread: C's `kthread_complete_and_exit()`. The drain continues only when
    /// the thread has left the module's code for good.
    ///
    /// # Safety
    ///
    /// The current task was created by `kthread_create_on_node()`, and its stack has no value left
    /// that needs a destructor.
    pub(super) unsafe fn exit(self) -> ! {
        core::mem::forget(self);
        // SAFETY: A thread was counted, so the drain has initialised the completion and has not
        // ended. The caller guarantees a kernel thread.
        unsafe { bindings::kthread_complete_and_exit(ENDED.0.get(), 0) }
    }
}

impl Drop for Counted {
    /// The thread was not created.
    fn drop(&mut self) {
        // SAFETY: A thread was counted, so the drain has initialised the completion and has not
        // ended.
        unsafe { bindings::complete(ENDED.0.get()) };
    }
}
