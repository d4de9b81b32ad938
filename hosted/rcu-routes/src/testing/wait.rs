// SPDX-License-Identifier: GPL-2.0

//! Waiting in tests: for events, for callbacks, for other tests, and for panics.

use crate::rcu::barrier;
use std::{
    panic::{catch_unwind, AssertUnwindSafe},
    sync::{
        atomic::{AtomicUsize, Ordering},
        Mutex, MutexGuard, PoisonError,
    },
    thread,
    time::{Duration, Instant},
};

/// The time that a test waits for an event that must not happen. Without readers, liburcu runs a
/// callback about 10 ms after it is queued.
pub const SETTLE_TIME: Duration = Duration::from_millis(150);

/// The maximum time that a test waits for an event that must happen.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// Waits until `condition` holds. Panics after [`TIMEOUT`].
#[track_caller]
pub fn wait_until(event: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < TIMEOUT, "timed out: {event}");
        thread::yield_now();
    }
}

/// A count that stays the same for this time has stopped.
const STANDSTILL: Duration = Duration::from_millis(300);

/// Waits until a count has stopped, and returns it, or `None` after [`TIMEOUT`].
pub fn stopped_count(count: &AtomicUsize) -> Option<usize> {
    let start = Instant::now();
    let (mut last, mut since) = (count.load(Ordering::SeqCst), start);
    while since.elapsed() < STANDSTILL {
        thread::sleep(STANDSTILL / 20);
        let now = count.load(Ordering::SeqCst);
        if now != last {
            (last, since) = (now, Instant::now());
        }
        if start.elapsed() > TIMEOUT {
            return None;
        }
    }
    Some(last)
}

/// Waits for callbacks, and for the callbacks that these have queued.
pub fn drain_callbacks() {
    barrier();
    barrier();
}

/// Excludes other tests of the process that call this, after all their callbacks have run.
pub fn run_alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    drain_callbacks();
    turn
}

/// Returns the message of the panic that `body` must cause.
#[track_caller]
pub fn panic_message(body: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(body)).expect_err("no panic");
    *panic.downcast::<String>().expect("a formatted message")
}
