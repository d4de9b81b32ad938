// SPDX-License-Identifier: GPL-2.0

//! What the tests need beyond the library, in user space.

use kernel::prelude::*;
use std::{
    ptr,
    sync::OnceLock,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// A running thread; dropping it waits for its end.
pub(crate) struct Thread(Option<JoinHandle<()>>);

impl Drop for Thread {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            thread.join().expect("no panic in a test's thread");
        }
    }
}

/// Runs `work` in a thread of its own.
pub(crate) fn spawn(work: impl FnOnce() + Send + 'static) -> Result<Thread> {
    let thread = thread::Builder::new().name("rcu_test".into()).spawn(work);
    Ok(Thread(Some(thread.map_err(|_| ENOMEM)?)))
}

/// Waits for the end of each.
pub(crate) fn join(threads: KVec<Thread>) {
    drop(threads);
}

/// Time that only goes on.
pub(crate) fn now_ms() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed();
    u64::try_from(elapsed.as_millis()).expect("tests are shorter")
}

/// Sleeps.
pub(crate) fn sleep_ms(milliseconds: u32) {
    thread::sleep(Duration::from_millis(milliseconds.into()));
}

/// Reads memory even if the compiler thinks that it knows what is there.
pub(crate) fn read_volatile(number: &u64) -> u64 {
    // SAFETY: A reference is valid for reading.
    unsafe { ptr::from_ref(number).read_volatile() }
}

/// Where code is running.
pub(crate) enum Place {
    Callback,
    Process,
    Unknown,
}

/// liburcu's thread for callbacks is not Rust's, so it has no name.
pub(crate) fn place() -> Place {
    match thread::current().name() {
        None => Place::Callback,
        Some("kworker") => Place::Process,
        Some(_) => Place::Unknown,
    }
}

/// Whether so many drops in a callback are what one drop in a callback is seen as.
pub(crate) fn is_in_callback(drops: usize) -> bool {
    drops == 1
}
