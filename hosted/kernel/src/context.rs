// SPDX-License-Identifier: GPL-2.0

//! The context of the current thread. In the kernel, lockdep and the preemption counter track it.

use crate::flavour;
use core::cell::Cell;

struct Context {
    /// Whether this thread is registered with liburcu.
    registered: Cell<bool>,
    /// The nesting depth of read-side critical sections.
    readers: Cell<usize>,
    /// Whether this thread runs callbacks.
    softirq: Cell<bool>,
    /// The reasons to keep this thread online between critical sections: each
    /// [`Online`](flavour::Online), and to run callbacks, which liburcu does online.
    online: Cell<usize>,
}

thread_local! {
    static CONTEXT: Context = const {
        Context {
            registered: Cell::new(false),
            readers: Cell::new(0),
            softirq: Cell::new(false),
            online: Cell::new(0),
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
        unsafe { (flavour::functions().register_thread)() };
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
        unsafe { (flavour::functions().unregister_thread)() };
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

/// Returns whether the current thread has one critical section, and no nested one.
#[inline]
#[cfg_attr(
    not(feature = "qsbr"),
    expect(dead_code, reason = "other flavours nest")
)]
pub(crate) fn is_in_outermost_reader() -> bool {
    CONTEXT.with(|context| context.readers.get() == 1)
}

/// Returns whether the current thread is online between its critical sections.
#[inline]
#[cfg_attr(not(feature = "qsbr"), expect(dead_code, reason = "only QSBR asks"))]
pub(crate) fn keeps_online() -> bool {
    CONTEXT.with(|context| context.online.get() > 0)
}

/// Keeps the registered current thread online, and calls `go_online` if it is offline.
pub(crate) fn begin_online(go_online: impl FnOnce()) {
    CONTEXT.with(|context| {
        if context.online.replace(context.online.get() + 1) == 0 && context.readers.get() == 0 {
            go_online();
        }
    });
}

/// Ends [`begin_online`], and calls `go_offline` if the current thread no longer must be online. In
/// a critical section it must, until the section ends.
pub(crate) fn end_online(go_offline: impl FnOnce()) {
    CONTEXT.with(|context| {
        context.online.set(context.online.get() - 1);
        let is_idle = context.online.get() == 0 && context.readers.get() == 0;
        // The end of a thread unregisters it before a later thread-local variable is dropped.
        if is_idle && context.registered.get() {
            go_offline();
        }
    });
}

/// Runs `body`, which blocks, with the current thread offline. The thread is in no critical
/// section.
pub(crate) fn block<T>(body: impl FnOnce() -> T) -> T {
    let is_online = CONTEXT.with(|context| context.online.get() > 0 && context.registered.get());
    if is_online {
        flavour::go_offline();
    }
    let result = body();
    if is_online {
        flavour::go_online();
    }
    result
}

/// Marks the current thread as a callback thread: it is registered and online, and must not sleep.
pub(crate) fn become_softirq() {
    CONTEXT.with(|context| {
        context.registered.set(true);
        context.softirq.set(true);
        context.online.set(1);
    });
}

/// Asserts that the current thread is in no read-side critical section.
///
/// # Panics
///
/// In one, even if the thread is already panicking.
#[inline]
#[track_caller]
pub(crate) fn assert_no_reader(what: &str) {
    let readers = CONTEXT.with(|context| context.readers.get());
    assert_eq!(
        readers, 0,
        "BUG: {what} inside an RCU read-side critical section"
    );
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
