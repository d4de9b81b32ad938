// SPDX-License-Identifier: GPL-2.0

//! Keeps the module's code loaded until its last [`Kthread`](super::Kthread) has ended.

#![expect(unsafe_code, reason = "calls C functions")]

use core::sync::atomic::{AtomicUsize, Ordering};
use kernel::{bindings, types::Opaque};

/// [`CLOSED`], or [`OPEN`] plus [`THREAD`] for each thread that was counted.
static THREADS: AtomicUsize = AtomicUsize::new(CLOSED);

/// No thread may start.
const CLOSED: usize = 0;
/// Threads may start.
const OPEN: usize = 1;
const THREAD: usize = 2;

/// Completed once for each counted thread, when that thread has left the module's code.
static ENDED: Ended = Ended(Opaque::uninit());

struct Ended(Opaque<bindings::completion>);

// SAFETY: C's functions synchronise their accesses to a completion.
unsafe impl Sync for Ended {}

/// Permits threads to start.
///
/// `drained_module!` calls this if its `drains:` names the module [`kthread`](super).
///
/// # Safety
///
/// It is called once. [`close_drain`] is called before the module is unloaded.
pub unsafe fn open_drain() {
    // SAFETY: The memory is static. No thread is counted, so nobody uses the completion.
    unsafe { bindings::init_completion(ENDED.0.get()) };
    // ORDERING: Release pairs with the acquire in `Counted::new()`: a counted thread finds the
    // completion initialised.
    THREADS.store(OPEN, Ordering::Release);
}

/// Requests the remaining threads to stop, even those that a `static` owns or that were forgotten,
/// and waits until they have ended. Permits no more threads.
///
/// Context: may sleep.
///
/// # Safety
///
/// It is called once, after [`open_drain`].
pub unsafe fn close_drain() {
    // ORDERING: Relaxed suffices: only the number matters, which does not change from here on.
    let counted = THREADS.fetch_and(!OPEN, Ordering::Relaxed) & !OPEN;
    for _ in 0..counted / THREAD {
        // SAFETY: `open_drain()` has initialised the completion. Each counted thread completes it,
        // so this returns once for each.
        unsafe { bindings::wait_for_completion(ENDED.0.get()) };
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
