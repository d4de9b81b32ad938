// SPDX-License-Identifier: GPL-2.0

//! Keeps the module's code loaded until its last [`Kthread`](super::Kthread) has ended.

#![expect(unsafe_code, reason = "calls C functions")]

use crate::rcu::Drain;
use core::sync::atomic::{AtomicUsize, Ordering};
use kernel::{bindings, types::Opaque};

/// [`CLOSED`], or [`OPEN`] plus [`THREAD`] for each thread that was counted.
static THREADS: AtomicUsize = AtomicUsize::new(CLOSED);

/// No thread may start.
const CLOSED: usize = 0;
/// Threads may start.
const OPEN: usize = 1;
const THREAD: usize = 2;

/// [`THREADS`] remains below this. [`ENDED`] counts ended threads in 32 bits, and after that many it
/// waits for no thread.
const LIMIT: usize = u32::MAX as usize - THREAD;

/// Completed once for each counted thread, when that thread has left the module's code.
static ENDED: Ended = Ended(Opaque::uninit());

struct Ended(Opaque<bindings::completion>);

// SAFETY: C's functions synchronise their accesses to a completion.
unsafe impl Sync for Ended {}

/// The drain that `drained_module!` uses if its `drains:` names the module [`kthread`](super).
// SAFETY: No thread starts before `open_drain()`, and `close_drain()` waits for all threads. Both
// functions do nothing if they were called before.
pub const DRAIN: Drain = unsafe { Drain::new(open_drain, close_drain) };

/// Permits threads to start.
///
/// # Safety
///
/// [`close_drain`] was not called. It is called before the module is unloaded.
unsafe fn open_drain() {
    // ORDERING: Relaxed suffices: one thread makes all calls.
    if THREADS.load(Ordering::Relaxed) != CLOSED {
        return;
    }
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
/// [`open_drain`] was called before.
unsafe fn close_drain() {
    // ORDERING: Relaxed suffices: only the number matters. A second call finds it zero.
    let counted = THREADS.swap(CLOSED, Ordering::Relaxed) & !OPEN;
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
    /// Counts a thread that is about to be created. Returns `None` if there is no drain, or if the
    /// module has started 2^31 threads.
    pub(super) fn new() -> Option<Self> {
        let count = |threads| (threads & OPEN != 0 && threads < LIMIT).then_some(threads + THREAD);
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
        let uncount = |threads| (threads & OPEN != 0).then(|| threads - THREAD);
        // ORDERING: Relaxed suffices: only the number matters.
        if THREADS
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, uncount)
            .is_err()
        {
            // SAFETY: The drain has counted this thread and waits for it, so it has initialised the
            // completion and has not ended.
            unsafe { bindings::complete(ENDED.0.get()) };
        }
    }
}
