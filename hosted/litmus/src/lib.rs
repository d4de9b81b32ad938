// SPDX-License-Identifier: GPL-2.0

//! Checks the memory orderings of the module's RCU layer with the model checker [loom]. With the
//! orderings as they ship, no access of a reader races with one of an updater. With a single
//! ordering weakened, the model checker reports a race.
//!
//! On x86 most weakenings change no instruction, so no run of the module can detect a missing
//! acquire or release. The model checker runs a test in every order of its threads' atomic
//! operations. A load may return every value that Rust's memory model allows. It reports two
//! accesses to the same memory that nothing orders.
//!
//! # The tests check the sources that ship
//!
//! ```text
//!   rcu.rs, rcu/*.rs, rcu_table/fib/word.rs ──build/main.rs──► two files, in which
//!     core::sync::atomic    is  loom's                    atomic
//!     Ordering::Release     is  at("pointer …", Release)  ordering
//!     kernel::…             is  a model of the kernel     kernel
//! ```
//!
//! Every ordering in the sources gets a name: file, type, function, operation. A test weakens an
//! ordering by its name at run time, so one copy of the sources suffices. The build fails if the
//! build script does not know a construct, or if an unchecked file has orderings. A test fails if
//! no test uses an ordering, or if the sources have another ordering than the test states. So a
//! change of the sources cannot turn a test into one that checks nothing.
//!
//! The model of the kernel gives exactly the order that the kernel's documentation promises; see
//! [`kernel`]. Tests also weaken the model's orderings, and omit its grace periods.
//!
//! # The tests
//!
//! `tests/orderings/` has the tests: `pointer.rs`, `list.rs`, `resizable.rs`, `srcu.rs`, `work.rs`,
//! and `table_words.rs` for the words that the route table's readers load. Its `main.rs` lists them
//! and the weakenings. All tests but one explore every order; that one is limited to three
//! preemptions. Each outcome that a test allows must occur in some order. Relaxed orderings
//! cannot be weakened; the tests pass, so they are strong enough.
//!
//! | ordering | weakened to | test in which the model checker then reports a race or a wrong answer |
//! |---|---|---|
//! | `published Published::dereference load` | Relaxed | `reader_without_acquire_is_detected` |
//! | `published Published::replace swap` | Acquire | `swap_without_release_is_detected` |
//! | `published Published::replace swap` | Release | `swap_without_acquire_is_detected` |
//! | `published Published::publish store` | Relaxed | `store_without_release_is_detected` |
//! | `chain Link::load load` | Relaxed | `list_reader_without_acquire_is_detected` |
//! | `chain Link::load load` | Relaxed | `hash_table_reader_without_acquire_is_detected` |
//! | `chain Link::publish store` | Relaxed | `list_insertion_without_release_is_detected` |
//! | `chain Link::publish store` | Relaxed | `list_replacement_without_release_is_detected` |
//! | `chain Link::publish store` | Relaxed | `list_removal_without_release_is_detected`: weakened only where an entry is removed |
//! | `chain Link::load load` | Relaxed | `resizable_reader_without_acquire_is_detected` |
//! | `chain Link::publish store` | Relaxed | `resizable_insertion_without_release_is_detected` |
//! | `published Published::publish store` | Relaxed | `resize_without_release_is_detected` |
//! | `published Published::dereference load` | Relaxed | `srcu_reader_without_acquire_is_detected` |
//! | `published Published::replace swap` | Acquire | `srcu_swap_without_release_is_detected` |
//! | `published Published::replace swap` | Release | `srcu_swap_without_acquire_is_detected` |
//! | `drain note_end_of_srcu_callback fetch_add` | Relaxed | `end_of_srcu_callback_without_release_is_detected` |
//! | `drain wait_for_srcu_callbacks load 2` | Relaxed | `wait_for_srcu_callback_without_acquire_is_detected` |
//! | `drain DrainLock::acquire swap` | Relaxed | `lock_of_drains_without_acquire_is_detected` |
//! | `drain DrainLock::drop swap` | Relaxed | `lock_of_drains_without_release_is_detected` |
//! | `drain open fetch_add` | Relaxed | `new_drain_without_release_is_detected` |
//! | `drain Permit::new load` | Relaxed | `search_for_a_drain_without_acquire_is_detected` |
//! | `word PointerWord::load load` | Relaxed | `table_lookup_without_acquire_is_detected` |
//! | `word PointerWord::store store` | Relaxed | `table_node_without_release_is_detected` |
//! | `word PointerWord::store store` | Relaxed | `table_level_removed_without_release_is_detected` |
//! | `word NumberWord::load load` | Relaxed | `table_number_without_acquire_is_detected` |
//! | `word NumberWord::store store` | Relaxed | `table_number_without_release_is_detected` |
//! | `word ChangeCount::load load` | Relaxed | `table_generation_without_acquire_is_detected` |
//! | `word ChangeCount::count fetch_add` | Relaxed | `table_generation_without_release_is_detected` |
//! | `word NumberWord::load load` | Relaxed | `reuse_of_a_number_without_acquire_is_detected` |
//! | `word NumberWord::store store` | Relaxed | `reuse_of_a_number_without_release_is_detected` |
//! | `rcu_read_lock` | Relaxed | `read_lock_without_acquire_is_detected` |
//! | `synchronize_rcu begin` | Relaxed | `begin_of_grace_period_without_release_is_detected` |
//! | `rcu_read_unlock` | Relaxed | `read_unlock_without_release_is_detected` |
//! | `synchronize_rcu end` | Relaxed | `end_of_grace_period_without_acquire_is_detected` |
//! | `mutex_lock` | Relaxed | `mutex_lock_without_acquire_is_detected` |
//! | `mutex_unlock` | Relaxed | `mutex_unlock_without_release_is_detected` |
//!
//! The last six are the model's own.
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
//! One thread read the object that `created` made, another thread wrote it, and nothing orders the
//! two accesses. A `write` in `litmus/src/object.rs` is the destructor's. Without a line `write`,
//! the read is not ordered after the object's initialisation. Thread 0 is the test's first one;
//! callbacks and work have their own threads. A place in `…/out/rcu.rs` is in the generated file;
//! the names of the orderings there show the module's file. Then check the store that publishes the
//! object (is it a release?), the load that finds it (is it an acquire?), and the wait for readers.
//!
//! Other failures:
//!
//! | message | meaning |
//! |---|---|
//! | `no race in … executions` | an ordering is stronger than needed, or its test has become too weak |
//! | `no test weakens …`, `no test uses …` | an ordering is new: add a test and a row above |
//! | `left: …, right: …` with the name of an ordering | the sources have another ordering than the test states |
//! | `an allowed outcome does not occur` | the test or the model checker explores too few orders |
//! | `found …, expected one of …` | some order of operations has a wrong result |
//! | `deadlock` | a thread waits for an event that never occurs |
//! | `exceeded maximum number of branches` | a thread polls for an event that never occurs |
//! | the build script: `… is unknown` | the script cannot translate a construct of the sources |
//!
//! This command prints the number of orders or, with a weakening, the model checker's report:
//!
//! ```text
//! cargo test -p litmus -- --nocapture reader_without_acquire_is_detected
//! ```
//!
//! `LOOM_MAX_PREEMPTIONS=2` in the environment shortens all tests.
//!
//! # Limitations
//!
//! - The model checker implements Rust's memory model, in which a dependency orders nothing. Code
//!   that passes is also right in the kernel's memory model if the kernel's acquire and release
//!   order at least what Rust's do.
//! - The model checker does not explore load buffering: loads that return a value stored later in
//!   program order. It treats sequentially consistent operations as acquire and release.
//! - It misses some orders of loads and stores; `src/atomic.rs` avoids the known case. It allows a
//!   store between the load and the store of an exchange, so it may report a race in correct code.
//!   No exchange happens between the load and the store of another exchange.
//! - In the kernel, grace periods also order code outside of read-side critical sections, because
//!   such code acts as a short reader. In the model they order readers only.
//! - References are not accesses. The model checker sees only the accesses that [`object::Object`]
//!   makes.
//!
//! [loom]: https://docs.rs/loom

#![deny(unsafe_code)]

mod atomic;
pub mod checker;
/// `core` with the model checker's atomics. The translated imports use it.
mod core_with_loom {
    pub(crate) use core::*;

    pub(crate) mod sync {
        pub(crate) use crate::atomic;
    }
}
pub mod kernel;
pub mod object;
pub mod ordering;
#[expect(unsafe_code, reason = "owns nodes through links")]
pub mod table_words;

/// The module's RCU layer as it ships, except that its orderings have names.
#[allow(
    clippy::all,
    dead_code,
    unsafe_code,
    unused_imports,
    unused_unsafe,
    unfulfilled_lint_expectations,
    reason = "some callers are omitted, and the module's own build has the lints"
)]
pub mod rcu {
    include!(concat!(env!("OUT_DIR"), "/rcu.rs"));
}
