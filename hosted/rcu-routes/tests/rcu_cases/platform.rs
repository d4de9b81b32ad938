// SPDX-License-Identifier: GPL-2.0

//! The platform of the shared test cases, in user space.

use kernel::prelude::*;
use std::{
    sync::OnceLock,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// A running thread. Dropping it joins the thread.
pub(crate) struct Thread(Option<JoinHandle<()>>);

impl Drop for Thread {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            thread.join().expect("the thread does not panic");
        }
    }
}

/// Runs `work` in a new thread.
pub(crate) fn spawn(work: impl FnOnce() + Send + 'static) -> Result<Thread> {
    let thread = thread::Builder::new().name("rcu_test".into()).spawn(work);
    Ok(Thread(Some(thread.map_err(|_| ENOMEM)?)))
}

/// Joins the threads.
pub(crate) fn join(threads: KVec<Thread>) {
    drop(threads);
}

/// Returns a monotonic time.
pub(crate) fn now_ms() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed();
    u64::try_from(elapsed.as_millis()).expect("a test ends before the time overflows")
}

pub(crate) fn sleep_ms(milliseconds: u32) {
    thread::sleep(Duration::from_millis(milliseconds.into()));
}

/// Returns whether memory is one of `vmalloc()`; there is no such difference here.
pub(crate) fn is_vmalloc<T>(_memory: &T) -> Option<bool> {
    None
}

/// The context of the current call.
pub(crate) enum CallContext {
    Callback,
    Process,
    Unknown,
}

/// Returns the context of the current call. liburcu created the callback thread, so it has no name.
pub(crate) fn call_context() -> CallContext {
    match thread::current().name() {
        None => CallContext::Callback,
        Some("kworker") => CallContext::Process,
        Some(_) => CallContext::Unknown,
    }
}

/// Whether [`call_context`] recognises callbacks.
pub(crate) const RECOGNISES_CALLBACKS: bool = true;
