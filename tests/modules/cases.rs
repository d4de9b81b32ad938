// SPDX-License-Identifier: GPL-2.0

//! Tests of the RCU library that run in the kernel and in user space.
//!
//! In the kernel `rcu_test.rs` runs them at insmod; in user space
//! `hosted/rcu-routes/tests/rcu_cases/` does. Each provides a module `platform`.

mod collections;
mod grace_periods;
mod locks;
mod owners;
mod pointers;
mod resizable;
mod retired;
mod srcu;
mod stress;
mod teardown;

use crate::{platform, rcu};
use core::{
    hint::black_box,
    sync::atomic::{AtomicUsize, Ordering},
};
use kernel::{prelude::*, sync::Arc};
use platform::{CallContext, Thread};
use rcu::{Anywhere, Headless, Reclaim, Workqueue};

/// The reason why a test failed.
pub(crate) struct Failure {
    pub(crate) line: u32,
    pub(crate) condition: &'static str,
}

impl From<Error> for Failure {
    fn from(_: Error) -> Self {
        Self {
            line: 0,
            condition: "a function returned an error",
        }
    }
}

impl From<kernel::alloc::AllocError> for Failure {
    fn from(_: kernel::alloc::AllocError) -> Self {
        ENOMEM.into()
    }
}

pub(crate) type Outcome = Result<(), Failure>;

/// Fails the test unless the condition holds.
macro_rules! ensure {
    ($condition:expr) => {
        if !$condition {
            return Err($crate::cases::Failure {
                line: line!(),
                condition: stringify!($condition),
            });
        }
    };
}
use ensure;

/// Lists test functions with their names.
macro_rules! cases {
    ($($module:ident: $($name:ident)*;)*) => {
        /// All tests.
        pub(crate) const CASES: &[(&str, fn() -> Outcome)] =
            &[$($((stringify!($name), $module::$name as fn() -> Outcome)),*),*];
    };
}

cases! {
    retired:
        synchronize_returns_the_object_after_its_readers
        synchronize_expedited_returns_the_object_after_its_readers
        call_rcu_reclaims_after_the_readers
        call_rcu_hurry_reclaims_after_the_readers
        drop_reclaims_after_the_readers
        queue_work_reclaims_after_the_readers
        drop_runs_a_sleeping_destructor_in_process_context
        destructors_in_process_context_may_wait_for_each_other
        dropped_pointer_returns_its_object_to_the_pool
        kvfree_rcu_keeps_the_object_for_its_readers
        kvfree_rcu_mightsleep_keeps_the_object_for_its_readers
        dropped_headless_object_waits_for_its_readers
        start_poll_returns_the_object_after_its_readers
        start_poll_expedited_returns_the_object_after_its_readers
        snapshot_returns_the_object_after_its_readers
        polled_wait_returns_the_object_after_its_readers
        dropped_polled_object_is_reclaimed_after_its_readers
        drain_waits_for_callbacks_of_callbacks;
    grace_periods:
        cookie_is_incomplete_during_an_earlier_reader
        full_cookie_is_incomplete_during_an_earlier_reader
        cookie_of_a_reader_is_incomplete_until_its_end
        waits_of_cookies_end_after_an_earlier_reader
        completed_cookie_is_complete
        spin_lock_delays_a_grace_period
        overlap_delays_a_grace_period_until_its_end;
    pointers:
        reader_keeps_an_object_that_is_replaced
        updates_under_the_lock_are_not_lost
        failed_update_changes_nothing
        pinned_object_does_not_move
        flexible_objects_of_any_length_are_complete
        dropped_pointer_drops_its_object_at_once;
    owners:
        objects_of_kmalloc_are_reclaimed
        objects_of_vmalloc_are_reclaimed
        objects_of_kvmalloc_are_reclaimed
        dropped_rcu_box_keeps_its_object_for_readers
        object_of_an_xarray_is_kept_for_its_readers
        reader_keeps_a_reference_after_its_section
        pointer_has_the_layout_of_a_c_pointer
        pointer_of_a_c_struct_is_shared_with_c;
    locks:
        updates_under_a_mutex_with_data_are_not_lost
        updates_under_a_spin_lock_are_not_lost
        updates_under_an_irq_disabling_lock_are_not_lost
        failed_initialiser_of_a_state_drops_nothing
        found_object_lives_until_its_lock_is_released
        objects_are_found_inside_a_reader
        found_object_is_locked_by_one_thread_at_a_time;
    collections:
        reader_at_a_removed_entry_reaches_the_rest
        readers_see_list_updates_in_order
        hash_table_replaces_and_removes_by_key;
    resizable:
        resized_table_keeps_its_entries
        resize_spares_the_links_of_earlier_readers
        lookup_keeps_its_array_during_a_resize
        lookup_at_an_old_entry_reaches_the_rest_during_a_resize
        lookups_never_miss_an_entry_during_resizes;
    srcu:
        srcu_synchronize_returns_the_object_after_a_sleeping_reader
        srcu_synchronize_expedited_returns_the_object_after_a_sleeping_reader
        dropped_headless_object_of_srcu_waits_for_a_sleeping_reader
        call_srcu_reclaims_after_the_reader
        srcu_queue_work_reclaims_in_process_context
        srcu_start_poll_returns_the_object_after_its_reader
        srcu_cookie_is_incomplete_during_an_earlier_reader
        dropped_srcu_pointer_waits_for_callbacks
        structures_of_an_srcu_domain_share_its_readers
        guard_of_another_srcu_domain_is_rejected;
    teardown:
        object_is_torn_down_before_and_freed_after_its_readers
        object_of_a_pointer_is_torn_down_once
        object_of_a_locked_pointer_is_torn_down_once
        entry_of_a_list_is_torn_down_once
        entry_of_a_hash_table_is_torn_down_once
        entry_of_a_resizable_table_is_torn_down_once
        object_of_an_srcu_pointer_is_torn_down_once
        object_of_an_xarray_is_torn_down_once
        each_ending_follows_one_teardown
        unpublished_object_is_torn_down_only_if_it_is_retired;
    stress:
        readers_never_see_a_reclaimed_object;
}

/// The duration of a reader that must delay a reclaim or a grace period.
const HOLD_MS: u64 = 50;
/// The time within which an object must be reclaimed.
const RECLAIM_TIMEOUT_MS: u64 = 20_000;

/// Counts the drops of [`Tracked`] objects by context.
#[derive(Default)]
struct Drops {
    total: AtomicUsize,
    in_callback: AtomicUsize,
    in_process: AtomicUsize,
}

impl Drops {
    fn new() -> Result<Arc<Self>, Failure> {
        Ok(Arc::new(Self::default(), GFP_KERNEL)?)
    }

    fn count(&self) -> usize {
        self.total.load(Ordering::Acquire)
    }

    fn count_in_callback(&self) -> usize {
        self.in_callback.load(Ordering::Relaxed)
    }

    fn count_in_process(&self) -> usize {
        self.in_process.load(Ordering::Relaxed)
    }

    fn add(&self) {
        match platform::call_context() {
            CallContext::Callback => self.in_callback.fetch_add(1, Ordering::Relaxed),
            CallContext::Process => self.in_process.fetch_add(1, Ordering::Relaxed),
            CallContext::Unknown => 0,
        };
        self.total.fetch_add(1, Ordering::Release);
    }

    /// Waits for a drop, and a little longer for a wrong second one. Returns whether there was
    /// exactly one.
    fn wait_for_one(&self) -> bool {
        let start = platform::now_ms();
        while self.count() == 0 && platform::now_ms() - start < RECLAIM_TIMEOUT_MS {
            platform::sleep_ms(1);
        }
        platform::sleep_ms(5);
        self.count() == 1
    }
}

const CANARY: u64 = 0x1ce1_ceba_be00;

/// An object that recognises its own reclaim and counts it.
struct Tracked {
    canary: u64,
    number: u64,
    drops: Arc<Drops>,
}

impl Tracked {
    fn new(number: u64, drops: &Arc<Drops>) -> Self {
        Self {
            canary: CANARY,
            number,
            drops: drops.clone(),
        }
    }

    fn is_intact(&self) -> bool {
        // The compiler may assume that memory behind a reference does not change.
        *black_box(&self.canary) == CANARY
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.canary = 0;
        self.drops.add();
    }
}

impl Reclaim for Tracked {
    type Context = Anywhere;
}

/// A [`Tracked`] object with a destructor that sleeps.
struct SleepyTracked(Tracked);

impl Drop for SleepyTracked {
    fn drop(&mut self) {
        platform::sleep_ms(2);
    }
}

impl Reclaim for SleepyTracked {
    type Context = Workqueue;
}

/// A [`Tracked`] object without an `rcu_head`.
struct HeadlessTracked(Tracked);

impl Reclaim for HeadlessTracked {
    type Context = Headless;
}

/// Waits without sleeping.
fn spin_ms(duration: u64) {
    let start = platform::now_ms();
    while platform::now_ms() - start < duration {
        core::hint::spin_loop();
    }
}

/// Starts a thread that reads the object of `pointer` for a while, and returns when the thread is
/// inside its read-side critical section.
fn spawn_reader<T: Reclaim>(
    pointer: &Arc<rcu::Rcu<T>>,
    is_intact: impl Fn(&T) -> bool + Send + 'static,
) -> Result<(Thread, Arc<Reader>), Failure> {
    let reader = Arc::new(Reader::default(), GFP_KERNEL)?;
    let thread = platform::spawn({
        let (pointer, reader) = (pointer.clone(), reader.clone());
        move || {
            let guard = rcu::read_lock();
            let object = pointer.dereference(&guard);
            reader.state.store(Reader::INSIDE, Ordering::Release);
            spin_ms(HOLD_MS);
            if object.is_some_and(is_intact) {
                reader.intact.store(1, Ordering::Relaxed);
            }
            reader.state.store(Reader::DONE, Ordering::Release);
            drop(guard);
        }
    })?;
    while !reader.is_in_state(Reader::INSIDE) && !reader.is_in_state(Reader::DONE) {
        platform::sleep_ms(1);
    }
    Ok((thread, reader))
}

/// The progress of [`spawn_reader`]'s thread.
#[derive(Default)]
struct Reader {
    state: AtomicUsize,
    intact: AtomicUsize,
}

impl Reader {
    const INSIDE: usize = 1;
    const DONE: usize = 2;

    fn is_in_state(&self, state: usize) -> bool {
        self.state.load(Ordering::Acquire) == state
    }

    /// Returns whether the section has ended and its object was intact until then.
    fn has_ended_intact(&self) -> bool {
        self.is_in_state(Self::DONE) && self.intact.load(Ordering::Relaxed) == 1
    }
}
