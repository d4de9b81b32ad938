// SPDX-License-Identifier: GPL-2.0

//! The counters of a run.

use core::sync::atomic::{AtomicU64, Ordering};

/// Declares the counters with the names under which they are shown.
macro_rules! counters {
    ($($name:ident: $text:literal,)*) => {
        /// A counter.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Count {
            $($name,)*
        }

        impl Count {
            /// All counters, with the names under which they are shown.
            pub(super) const ALL: &'static [(Self, &'static str)] = &[$((Self::$name, $text),)*];
        }
    };
}

counters! {
    Reads: "reads",
    NestedReads: "nested_reads",
    OverlappingReads: "overlapping_reads",
    SpinLockReads: "spin_lock_reads",
    IrqReads: "irq_reads",
    TimerReads: "timer_reads",
    SoftirqReads: "softirq_reads",
    ExitReads: "exit_reads",
    SleepingReads: "sleeping_reads",
    PreemptedReads: "preempted_reads",
    LongReads: "long_reads",
    Cookies: "cookies",
    Updates: "updates",
    EmptyPool: "empty_pool",
    FakeUpdates: "fake_updates",
    GracePeriods: "grace_periods",
    GpSync: "gp_sync",
    GpExp: "gp_exp",
    GpCall: "gp_call",
    GpWork: "gp_work",
    GpPoll: "gp_poll",
    GpCond: "gp_cond",
    GpKvfree: "gp_kvfree",
    Barriers: "barriers",
    Floods: "floods",
    FloodCallbacks: "flood_callbacks",
    FloodMostWaiting: "flood_most_waiting",
    FloodMostDrainMs: "flood_most_drain_ms",
    Hotplugs: "hotplugs",
    Stutters: "stutters",
    Lookups: "lookups",
    Groups: "groups",
    Dumps: "dumps",
    RacedReads: "raced_reads",
    Adds: "adds",
    Changes: "changes",
    Deletes: "deletes",
    Transactions: "transactions",
    Refused: "refused",
    Abandoned: "abandoned",
    Reloads: "reloads",
    Flushes: "flushes",
    ModeSwitches: "mode_switches",
    LimitSwitches: "limit_switches",
    OutOfMemory: "out_of_memory",
}

/// Number of ages in the histogram. The last one stands for all higher ages.
pub(super) const AGES: usize = 11;

/// The counters of one reader, or of several threads that count rarely. Aligned, so that readers
/// share no cache line.
#[repr(align(128))]
pub(super) struct Counters {
    counts: [AtomicU64; Count::ALL.len()],
    ages: [AtomicU64; AGES],
}

// ORDERING: Relaxed: counters do not order other memory.
impl Counters {
    pub(super) const fn new() -> Self {
        Self {
            counts: [const { AtomicU64::new(0) }; Count::ALL.len()],
            ages: [const { AtomicU64::new(0) }; AGES],
        }
    }

    pub(super) fn add(&self, count: Count, number: u64) {
        if let Some(counter) = self.counts.get(count as usize) {
            counter.fetch_add(number, Ordering::Relaxed);
        }
    }

    pub(super) fn count(&self, count: Count) {
        self.add(count, 1);
    }

    /// Raises a counter to `number`, unless it is higher. Only one of all [`Counters`] of a run may
    /// have such a counter, because reports add them up.
    pub(super) fn raise(&self, count: Count, number: u64) {
        if let Some(counter) = self.counts.get(count as usize) {
            counter.fetch_max(number, Ordering::Relaxed);
        }
    }

    /// Increments the counter of that name, if there is one.
    pub(super) fn count_named(&self, name: &str) {
        if let Some((count, _)) = Count::ALL.iter().find(|(_, known)| *known == name) {
            self.count(*count);
        }
    }

    pub(super) fn get(&self, count: Count) -> u64 {
        self.counts
            .get(count as usize)
            .map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// Counts a read by the age of its element at the end of the critical section.
    pub(super) fn count_age(&self, age: u32) {
        let age = (age as usize).min(AGES - 1);
        if let Some(counter) = self.ages.get(age) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Adds this histogram to `sum`.
    pub(super) fn add_ages_to(&self, sum: &mut [u64; AGES]) {
        for (sum, counter) in sum.iter_mut().zip(&self.ages) {
            *sum += counter.load(Ordering::Relaxed);
        }
    }
}
