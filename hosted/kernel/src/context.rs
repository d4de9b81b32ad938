// SPDX-License-Identifier: GPL-2.0

//! What the current thread is doing: what lockdep and the preemption counter know in the kernel.

use crate::bindings;
use core::cell::Cell;

struct Context {
    /// liburcu knows this thread.
    registered: Cell<bool>,
    /// Nesting of read-side critical sections.
    readers: Cell<usize>,
    /// This thread runs callbacks.
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

/// Membership in liburcu's list of threads, until the thread ends.
struct Registration;

impl Registration {
    fn new() -> Self {
        // SAFETY: Only `register()` leads here, and once a thread, as `REGISTRATION` is initialised
        // once; the threads that liburcu registers itself never get here.
        unsafe { bindings::urcu_memb_register_thread() };
        Self
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // SAFETY: The thread was registered by `new()`.
        unsafe { bindings::urcu_memb_unregister_thread() };
        CONTEXT.with(|context| context.registered.set(false));
    }
}

/// Makes the current thread known to liburcu; its end makes it unknown.
///
/// # Panics
///
/// While the thread's other thread-local variables are destroyed.
#[inline]
pub(crate) fn register() {
    CONTEXT.with(|context| {
        if !context.registered.get() {
            REGISTRATION.with(|_| ());
            context.registered.set(true);
        }
    });
}

/// A read-side critical section begins.
#[inline]
pub(crate) fn enter_reader() {
    CONTEXT.with(|context| context.readers.set(context.readers.get() + 1));
}

/// A read-side critical section ends.
#[inline]
pub(crate) fn leave_reader() {
    CONTEXT.with(|context| context.readers.set(context.readers.get() - 1));
}

/// The current thread is liburcu's own and runs callbacks: it is registered, and must not sleep.
pub(crate) fn become_softirq() {
    CONTEXT.with(|context| {
        context.registered.set(true);
        context.softirq.set(true);
    });
}

/// # Panics
///
/// In a context that must not sleep, unless the thread is panicking already: the first panic's
/// message is the one to read.
#[inline]
#[track_caller]
pub(crate) fn assert_may_sleep(what: &str) {
    CONTEXT.with(|context| {
        if context.readers.get() > 0 {
            complain(what, "an RCU read-side critical section");
        }
        if context.softirq.get() {
            complain(what, "an RCU callback");
        }
    });
}

#[cold]
#[track_caller]
fn complain(what: &str, place: &str) {
    if !std::thread::panicking() {
        panic!("BUG: {what} inside {place}: sleeping function called from invalid context");
    }
}
