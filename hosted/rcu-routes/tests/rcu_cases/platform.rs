// SPDX-License-Identifier: GPL-2.0

//! The platform of the shared test cases, in user space.

use kernel::prelude::*;
use std::{
    hint::black_box,
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

/// Reads memory even if the compiler believes that it knows the value.
pub(crate) fn read_volatile(number: &u64) -> u64 {
    *black_box(number)
}

/// The context in which code runs.
pub(crate) enum Place {
    Callback,
    Process,
    Unknown,
}

/// Returns the current context. liburcu created the callback thread, so it has no name.
pub(crate) fn place() -> Place {
    match thread::current().name() {
        None => Place::Callback,
        Some("kworker") => Place::Process,
        Some(_) => Place::Unknown,
    }
}

/// Returns whether `drops` callbacks were counted as exactly one.
pub(crate) fn is_in_callback(drops: usize) -> bool {
    drops == 1
}
