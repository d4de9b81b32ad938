// SPDX-License-Identifier: GPL-2.0

//! The memory orderings of the module's RCU layer, under the model checker [loom]: as they ship, readers
//! and updaters never meet in memory; with any one of them weakened, they do.
//!
//! On x86, where the module is tried out, most weakenings change no instruction, so no run on a machine
//! can tell that an acquire or a release is missing. The model checker can: it runs a test in every order
//! in which its threads can do their atomic operations, has loads return every value that Rust's memory
//! model allows, and complains of two accesses to the same memory that nothing orders.
//!
//! # What is checked is what ships
//!
//! ```text
//!   rcu.rs, rcu/*.rs ──build.rs──► one file, in which
//!                                    core::sync::atomic    is  loom's                    atomic
//!                                    Ordering::Release     is  at("pointer …", Release)  ordering
//!                                    kernel::…             is  a model of the kernel     kernel
//! ```
//!
//! Every ordering of the sources gets a name: file, type, function, operation. A test weakens one by
//! its name, at run time, so there is one copy of the sources. What the build script does not understand
//! stops the build, and so does a file with orderings that is not checked; an ordering without a test, or
//! with another strength than the test says, fails a test. So a change of the sources cannot make a test
//! empty unnoticed.
//!
//! The model of the kernel gives the order that the kernel's documentation promises and no more; see
//! [`kernel`]. Its own orderings are weakened too, and the waiting left out: tests see that as well.
//!
//! # The tests
//!
//! They are in `tests/orderings/`: `pointer.rs`, `list.rs`, `srcu.rs`, `work.rs`; which of them run and with
//! what weakened is said in `main.rs`. All but one are exhaustive, with no bound on preemptions; the one
//! stops at three. Each outcome that a test allows has to come about in some order. Relaxed orderings
//! cannot be weakened; that the tests pass says that they are enough.
//!
//! | ordering | weakened to | test that the model checker then complains of |
//! |---|---|---|
//! | `published Published::dereference load` | Relaxed | `reader_without_acquire_finds_garbage` |
//! | `published Published::replace swap` | Acquire | `reader_finds_garbage_if_the_exchange_does_not_release` |
//! | `published Published::replace swap` | Release | `racing_updater_takes_back_garbage_if_the_exchange_does_not_acquire` |
//! | `published Published::publish store` | Relaxed | `reader_finds_garbage_if_the_store_does_not_release` |
//! | `chain Iter::next load` | Relaxed | `walker_without_acquire_finds_garbage` |
//! | `chain Iter::next load` | Relaxed | `reader_of_a_hash_table_without_acquire_finds_garbage` |
//! | `chain Link::publish store` | Relaxed | `walker_finds_garbage_if_putting_in_does_not_release` |
//! | `chain Link::publish store` | Relaxed | `walker_finds_garbage_if_replacing_does_not_release` |
//! | `chain Link::publish store` | Relaxed | `walker_finds_garbage_if_taking_out_does_not_release`: where an entry is taken out and nowhere else |
//! | `published Published::dereference load` | Relaxed | `srcu_reader_without_acquire_finds_garbage` |
//! | `published Published::replace swap` | Acquire | `srcu_reader_finds_garbage_if_the_exchange_does_not_release` |
//! | `published Published::replace swap` | Release | `racing_srcu_updater_takes_back_garbage_if_the_exchange_does_not_acquire` |
//! | `work add_pending compare_exchange_weak success` | Relaxed | `work_reclaims_too_early_if_callbacks_do_not_release` |
//! | `work remove_pending swap` | Relaxed | `work_reclaims_too_early_if_it_does_not_acquire` |
//! | `work init_once store` | Relaxed | `racing_drain_uses_a_raw_work_item_if_its_maker_does_not_release` |
//! | `work init_once load` | Relaxed | `racing_drain_uses_a_raw_work_item_if_it_does_not_acquire` |
//! | `work init_once compare_exchange success` | Relaxed | `racing_drain_that_is_first_has_nothing_to_acquire`: none complains, see below |
//! | `work init_once compare_exchange failure` | Relaxed | `racing_drain_that_is_second_acquires_later`: none complains, see below |
//! | `drain CallbackDrain::new fetch_add` | Relaxed | `who_finds_a_drain_finds_a_raw_work_item_if_its_maker_does_not_release` |
//! | `drain Permit::new load` | Relaxed | `who_finds_a_drain_without_acquire_finds_a_raw_work_item` |
//! | `rcu_read_lock` | Relaxed | `later_reader_finds_a_freed_object_if_it_does_not_acquire` |
//! | `synchronize_rcu begin` | Relaxed | `later_reader_finds_a_freed_object_if_the_grace_period_does_not_release` |
//! | `rcu_read_unlock` | Relaxed | `object_is_freed_under_a_reader_that_does_not_release` |
//! | `synchronize_rcu end` | Relaxed | `object_is_freed_under_a_reader_if_the_grace_period_does_not_acquire` |
//! | `mutex_lock` | Relaxed | `locked_updaters_disagree_if_the_lock_does_not_acquire` |
//! | `mutex_unlock` | Relaxed | `locked_updaters_disagree_if_the_lock_does_not_release` |
//!
//! The last six are the model's own.
//!
//! Two orderings of `work::init_once()` are stronger than they have to be. Who succeeds in the exchange has
//! read the initial value, which nobody has released; who fails goes on to load the same variable, with
//! acquire, until it is `READY`, and it is that load that orders.
//!
//! # How to read a failure
//!
//! ```text
//! failed:
//! Causality violation: Concurrent read and write accesses to `UnsafeCell`.
//!     created: litmus/tests/orderings/pointer.rs:115:39
//!        read: thread #0 @ litmus/tests/orderings/pointer.rs:122:65
//!       write: thread #1 @ litmus/tests/orderings/pointer.rs:81:59
//! ```
//!
//! The object made at `created` was read by one thread and changed by another, at these places, and
//! nothing orders the two; a `write` in `litmus/src/object.rs` is the destructor's. Without a line
//! `write` it is the making that the read is not ordered with. Thread 0 is the test's first; callbacks
//! and work have threads of their own. A place in `…/out/rcu.rs` is in the generated file, where the names
//! of orderings tell which file of the module it is. Then look at what publishes the object (does it
//! release?), at what finds it (does it acquire?), and at what waits for readers.
//!
//! Other failures:
//!
//! | message | means |
//! |---|---|
//! | `nobody notices …` | an ordering can be weakened: it is stronger than needed, or its test has become too weak |
//! | `no test weakens …`, `no test uses …` | a new ordering: write a test and a row above |
//! | `left: …, right: …` with the name of an ordering | the sources have another ordering than the test says |
//! | `not every outcome comes about` | the test, or the model checker, tries less than it should |
//! | `… is none of …` | an order of operations gives a wrong result |
//! | `deadlock` | a thread waits for what does not come |
//! | `exceeded maximum number of branches` | a thread asks again and again for what does not come |
//! | the build script: `… is not understood` | the sources have something new that it has to learn |
//!
//! To see how many orders there were, or with a weakening what the model checker said:
//!
//! ```text
//! cargo test -p litmus -- --nocapture reader_without_acquire_finds_garbage
//! ```
//!
//! `LOOM_MAX_PREEMPTIONS=2` in the environment makes all tests shorter.
//!
//! # What it cannot tell
//!
//! - It checks Rust's memory model, where a dependency orders nothing, not the kernel's. What passes here
//!   is right there as well, as far as the kernel's acquire and release do what Rust's do.
//! - The model checker does not know loads that return what is stored later in program order (load
//!   buffering), and treats what is sequentially consistent as acquire and release.
//! - It misses orders of loads and stores; `src/atomic.rs` works around the case that is known. It takes
//!   a store to be possible between the two halves of an exchange, so that it may complain of what is
//!   right; exchanges among themselves are exact.
//! - In the kernel every instruction outside of readers counts as a short reader, so that grace periods
//!   order it. In the model they order readers alone.
//! - References are not accesses: [`object::Object`] says what it does to its memory, and nothing else is
//!   watched.
//!
//! [loom]: https://docs.rs/loom

mod atomic;
pub mod checker;
/// `core` with the model checker's atomics, for the translated imports.
mod core_with_loom {
    pub(crate) use core::*;

    pub(crate) mod sync {
        pub(crate) use crate::atomic;
    }
}
pub mod kernel;
pub mod object;
pub mod ordering;

/// The module's RCU layer as it ships, but for names of orderings.
#[allow(
    clippy::all,
    dead_code,
    unused_imports,
    unused_unsafe,
    unfulfilled_lint_expectations,
    reason = "what was left out is not there to use; the module's own build has the lints"
)]
pub mod rcu {
    include!(concat!(env!("OUT_DIR"), "/rcu.rs"));
}
