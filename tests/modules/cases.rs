// SPDX-License-Identifier: GPL-2.0

//! What the RCU library promises, as tests that run in the kernel and in user space.
//!
//! In the kernel `rcu_test.rs` runs them at insmod; in user space `hosted/rcu-routes/tests/rcu_cases.rs`
//! does. What differs is in `platform`.

mod collections;
mod cookies;
mod endings;
mod pointers;
mod sleepable;
mod stress;

use crate::{platform, rcu};
use core::sync::atomic::{AtomicUsize, Ordering};
use kernel::{prelude::*, sync::Arc};
use platform::{Place, Thread};
use rcu::{Reclaim, Softirq, Workqueue};

/// Why a test failed.
pub(crate) struct Failure {
    pub(crate) line: u32,
    pub(crate) condition: &'static str,
}

impl From<Error> for Failure {
    fn from(_: Error) -> Self {
        Self {
            line: 0,
            condition: "no memory",
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
    endings:
        synchronize_gives_back_after_the_reader
        synchronize_expedited_gives_back_after_the_reader
        call_rcu_reclaims_after_the_reader
        dropping_reclaims_after_the_reader
        queue_work_reclaims_after_the_reader
        dropping_what_may_sleep_reclaims_in_process_context
        kvfree_rcu_leaves_the_object_to_the_reader
        polling_gives_back_after_the_reader
        expedited_polling_gives_back_after_the_reader
        a_snapshot_gives_back_after_the_reader
        waiting_for_what_is_polled_waits_for_the_reader
        dropping_what_is_polled_reclaims_after_the_reader
        a_drain_waits_for_callbacks_of_callbacks;
    cookies:
        a_cookie_is_not_complete_while_a_reader_is_held
        a_full_cookie_is_not_complete_while_a_reader_is_held
        a_cookie_from_inside_a_reader_is_never_complete_at_its_end
        a_completed_cookie_is_complete
        a_spin_lock_holds_up_a_grace_period
        an_overlap_holds_up_a_grace_period_to_its_end;
    pointers:
        a_reader_keeps_what_it_saw
        updates_under_the_lock_do_not_get_lost
        an_update_that_fails_changes_nothing
        a_pinned_object_stays_where_it_is
        objects_of_variable_length_are_whole
        dropping_a_pointer_drops_the_object_at_once;
    collections:
        a_reader_on_a_removed_entry_goes_on_to_the_rest
        list_updates_are_seen_in_order
        a_table_replaces_and_removes_by_key;
    sleepable:
        srcu_synchronize_gives_back_after_a_reader_that_sleeps
        call_srcu_reclaims_after_the_reader
        srcu_queue_work_reclaims_in_process_context
        srcu_polling_gives_back_after_the_reader
        an_srcu_cookie_is_not_complete_while_a_reader_is_held
        dropping_an_srcu_pointer_waits_for_callbacks;
    stress:
        readers_never_see_a_reclaimed_object;
}

/// How long a reader is held to see that nothing happens meanwhile.
const HOLD_MS: u64 = 50;
/// How long something that must happen may take.
const PATIENCE_MS: u64 = 20_000;

/// What became of an object.
#[derive(Default)]
struct Fate {
    drops: AtomicUsize,
    in_callback: AtomicUsize,
    in_process: AtomicUsize,
}

impl Fate {
    fn new() -> Result<Arc<Self>, Failure> {
        Ok(Arc::new(Self::default(), GFP_KERNEL)?)
    }

    fn drops(&self) -> usize {
        self.drops.load(Ordering::Acquire)
    }

    fn note_drop(&self) {
        match platform::place() {
            Place::Callback => self.in_callback.fetch_add(1, Ordering::Relaxed),
            Place::Process => self.in_process.fetch_add(1, Ordering::Relaxed),
            Place::Unknown => 0,
        };
        self.drops.fetch_add(1, Ordering::Release);
    }

    /// Waits until there is one drop, and a little longer for a second.
    fn is_dropped_once(&self) -> bool {
        let start = platform::now_ms();
        while self.drops() == 0 && platform::now_ms() - start < PATIENCE_MS {
            platform::sleep_ms(1);
        }
        platform::sleep_ms(5);
        self.drops() == 1
    }
}

const INTACT: u64 = 0x1ce1_ceba_be00;

/// An object that knows whether it was reclaimed, and tells.
struct Witness {
    canary: u64,
    number: u64,
    fate: Arc<Fate>,
}

impl Witness {
    fn new(number: u64, fate: &Arc<Fate>) -> Self {
        Self {
            canary: INTACT,
            number,
            fate: fate.clone(),
        }
    }

    fn is_intact(&self) -> bool {
        // Volatile, since the compiler knows that what a reference points to does not change.
        platform::read_volatile(&self.canary) == INTACT
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.canary = 0;
        self.fate.note_drop();
    }
}

impl Reclaim for Witness {
    type Context = Softirq;
}

/// The same with a destructor that sleeps.
struct SleepyWitness(Witness);

impl Drop for SleepyWitness {
    fn drop(&mut self) {
        platform::sleep_ms(2);
    }
}

impl Reclaim for SleepyWitness {
    type Context = Workqueue;
}

/// Does nothing for a while, without sleeping.
fn spin_ms(duration: u64) {
    let start = platform::now_ms();
    while platform::now_ms() - start < duration {
        core::hint::spin_loop();
    }
}

/// A thread that holds a reader from before this returns until some time after, in which it sees
/// `object` of `pointer` intact.
fn held_reader<T: Reclaim>(
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
    while !reader.is(Reader::INSIDE) && !reader.is(Reader::DONE) {
        platform::sleep_ms(1);
    }
    Ok((thread, reader))
}

/// Where a [`held_reader`] is.
#[derive(Default)]
struct Reader {
    state: AtomicUsize,
    intact: AtomicUsize,
}

impl Reader {
    const INSIDE: usize = 1;
    const DONE: usize = 2;

    fn is(&self, state: usize) -> bool {
        self.state.load(Ordering::Acquire) == state
    }

    /// Whether it has left, and saw its object whole to the end.
    fn has_left_content(&self) -> bool {
        self.is(Self::DONE) && self.intact.load(Ordering::Relaxed) == 1
    }
}
