// SPDX-License-Identifier: GPL-2.0

//! The longest stretch that a thread computes without a point at which the kernel could reschedule.

use core::{cell::Cell, time::Duration};

/// The work between two reschedule points.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stretch {
    /// The CPU time of the thread, so that other threads do not count.
    pub cpu_time: Duration,
    /// Calls that allocate or free memory. Unlike the time, they are the same in each run.
    pub allocator_calls: usize,
    /// The bytes that these calls allocated.
    pub allocated_bytes: usize,
    /// The bytes that growing arrays copied, and the bytes with which new arrays were filled.
    pub copied_bytes: usize,
    /// The number of accesses to arrays, each to an element or to a slice; 0 in release builds.
    pub accesses: usize,
}

impl Stretch {
    /// Returns the larger of each figure.
    fn max(self, other: Self) -> Self {
        Self {
            cpu_time: self.cpu_time.max(other.cpu_time),
            allocator_calls: self.allocator_calls.max(other.allocator_calls),
            allocated_bytes: self.allocated_bytes.max(other.allocated_bytes),
            copied_bytes: self.copied_bytes.max(other.copied_bytes),
            accesses: self.accesses.max(other.accesses),
        }
    }
}

#[derive(Clone, Copy)]
struct Measurement {
    since: Duration,
    longest: Stretch,
}

thread_local! {
    static MEASUREMENT: Cell<Option<Measurement>> = const { Cell::new(None) };
    /// Counted since the last reschedule point, or since the thread began.
    static ALLOCATOR_CALLS: Cell<usize> = const { Cell::new(0) };
    static ALLOCATED_BYTES: Cell<usize> = const { Cell::new(0) };
    static COPIED_BYTES: Cell<usize> = const { Cell::new(0) };
    static ACCESSES: Cell<usize> = const { Cell::new(0) };
}

/// Returns the CPU time of this thread.
fn cpu_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is valid for a write.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

/// Calls `run`, and returns the most of each figure between two calls of `schedule()` or of a
/// function that waits for a grace period, its start and its end included.
pub fn longest_stretch(run: impl FnOnce()) -> Stretch {
    let longest = Stretch::default();
    start(longest);
    run();
    reschedule_point();
    MEASUREMENT
        .take()
        .map_or(longest, |measured| measured.longest)
}

fn start(longest: Stretch) {
    ALLOCATOR_CALLS.set(0);
    ALLOCATED_BYTES.set(0);
    COPIED_BYTES.set(0);
    ACCESSES.set(0);
    // The measurement itself does not count.
    let since = cpu_time();
    MEASUREMENT.set(Some(Measurement { since, longest }));
}

/// Ends a stretch, if this thread measures one.
pub fn reschedule_point() {
    if let Some(measured) = MEASUREMENT.get() {
        let stretch = Stretch {
            cpu_time: cpu_time() - measured.since,
            allocator_calls: ALLOCATOR_CALLS.get(),
            allocated_bytes: ALLOCATED_BYTES.get(),
            copied_bytes: COPIED_BYTES.get(),
            accesses: ACCESSES.get(),
        };
        start(measured.longest.max(stretch));
    }
}

/// Counts a call that allocates or frees memory; `bytes` is 0 if it frees.
pub(crate) fn count_allocator_call(bytes: usize) {
    ALLOCATOR_CALLS.set(ALLOCATOR_CALLS.get().wrapping_add(1));
    ALLOCATED_BYTES.set(ALLOCATED_BYTES.get().wrapping_add(bytes));
}

/// Counts the bytes that a growing array copies, or with which a new array is filled.
pub(crate) fn count_copied(bytes: usize) {
    COPIED_BYTES.set(COPIED_BYTES.get().wrapping_add(bytes));
}

/// Counts an access to an array. Release builds do not count, because benchmarks use them.
#[inline]
pub(crate) fn count_access() {
    if cfg!(debug_assertions) {
        ACCESSES.set(ACCESSES.get().wrapping_add(1));
    }
}
