// SPDX-License-Identifier: GPL-2.0

//! The context of the current thread. In the kernel, lockdep and the preemption counter track it.

use crate::bindings;
use core::cell::Cell;

struct Context {
    /// Whether this thread is registered with liburcu.
    registered: Cell<bool>,
    /// The nesting depth of read-side critical sections.
    readers: Cell<usize>,
    /// Whether this thread runs callbacks.
    softirq: Cell<bool>,
}

thread_local! {
    static CONTEXT: Context = const {
        Context {
            registered: Cell::new(false),
            readers: Cell::new(0),
            softirq: Cell::new(false),
        }
    };
    static REGISTRATION: Registration = Registration::new();
}

/// The registration of a thread with liburcu, until the thread ends.
struct Registration;

impl Registration {
    fn new() -> Self {
        // SAFETY: `REGISTRATION` is initialised once a thread, by `register()`. Threads that
        // liburcu registers itself are marked as registered, so `register()` skips them.
        unsafe { bindings::urcu_memb_register_thread() };
        Self
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if CONTEXT.with(|context| context.readers.get()) > 0 {
            // Grace periods would no longer wait for this reader. Its guard may be in a variable
            // that is dropped later.
            eprintln!(
                "BUG: a thread ends inside an RCU read-side critical section; drop its guard before"
            );
            std::process::abort();
        }
        // SAFETY: `new()` registered the thread.
        unsafe { bindings::urcu_memb_unregister_thread() };
        CONTEXT.with(|context| context.registered.set(false));
    }
}

/// Registers the current thread with liburcu. The end of the thread unregisters it.
///
/// # Panics
///
/// During the destruction of the thread's thread-local variables.
#[inline]
pub(crate) fn register() {
    CONTEXT.with(|context| {
        if !context.registered.get() {
            REGISTRATION.with(|_| ());
            context.registered.set(true);
        }
    });
}

/// Counts the begin of a read-side critical section.
#[inline]
pub(crate) fn enter_reader() {
    CONTEXT.with(|context| context.readers.set(context.readers.get() + 1));
}

/// Counts the end of a read-side critical section.
#[inline]
pub(crate) fn leave_reader() {
    CONTEXT.with(|context| context.readers.set(context.readers.get() - 1));
}

/// Marks the current thread as a callback thread: it is registered and must not sleep.
pub(crate) fn become_softirq() {
    CONTEXT.with(|context| {
        context.registered.set(true);
        context.softirq.set(true);
    });
}

/// Asserts that the current thread may sleep.
///
/// # Panics
///
/// In a context that must not sleep, unless the thread is already panicking.
#[inline]
#[track_caller]
pub(crate) fn assert_may_sleep(what: &str) {
    CONTEXT.with(|context| {
        if context.readers.get() > 0 {
            report(what, "an RCU read-side critical section");
        }
        if context.softirq.get() {
            report(what, "an RCU callback");
        }
    });
}

#[cold]
#[track_caller]
fn report(what: &str, place: &str) {
    if !std::thread::panicking() {
        panic!("BUG: {what} inside {place}: sleeping function called from invalid context");
    }
}
