// SPDX-License-Identifier: GPL-2.0

//! Runs each test with the orderings as they ship, and with single orderings weakened. The crate's
//! documentation explains the tests.
//!
//! The model checker runs all threads of a test in one thread of the system. So they may share an
//! `Rc`.

mod list;
mod pointer;
mod resizable;
mod srcu;
mod table_words;
mod work;

use core::sync::atomic::Ordering::{self, AcqRel, Acquire, Relaxed, Release};
use litmus::{
    checker::Test,
    ordering::{Site, Weakening, MODEL, SHIPPED},
};

/// Declares the tests that must pass with the orderings as they ship.
macro_rules! holds {
    ($($name:ident: $file:ident :: $test:ident $(, $bound:ident ($most:literal))?;)*) => {
        $(
            #[test]
            fn $name() {
                Test::new($file::$test)$(.$bound($most))?.assert_holds();
            }
        )*

        const TESTS: &[Test] = &[$(Test::new($file::$test)),*];
    };
}

/// Declares the weakenings, with which the model checker must report a race or a wrong answer.
macro_rules! weakened {
    ($(
        $name:ident: $file:ident :: $test:ident
            $verdict:ident $site:literal $from:ident => $to:ident $(, $is_confined:ident)?;
    )*) => {
        $(
            #[test]
            fn $name() {
                let weakening = Weakening::new($site, $from, $to)$(.$is_confined())?;
                weakened!($verdict, Test::new($file::$test), weakening);
            }
        )*

        const WEAKENED: &[(&str, &str, Ordering)] = &[$((stringify!($name), $site, $to)),*];
    };
    (fails_without, $test:expr, $weakening:expr) => {
        $test.assert_fails(Some($weakening));
    };
    (misleads_without, $test:expr, $weakening:expr) => {
        $test.assert_misleads($weakening);
    };
}

holds! {
    reader_sees_the_object_that_swap_published: pointer::message_passing;
    reader_sees_the_object_that_store_published: pointer::message_passing_under_lock;
    updater_sees_the_object_of_the_joined_updater: pointer::protected_by_join;
    racing_updaters_reclaim_the_objects_of_each_other: pointer::racing_updaters;
    locked_updaters_lose_no_update: pointer::excluded_updaters;
    synchronize_reclaims_after_readers: pointer::grace_period;
    polling_reclaims_after_readers: pointer::polled_grace_period;
    callback_reclaims_after_readers: pointer::callback;
    take_reclaims_after_joined_threads: pointer::take_after_join;

    list_reader_sees_inserted_entries_initialised: list::push;
    list_reader_continues_from_a_removed_entry: list::remove;
    list_reader_sees_the_entry_after_a_removed_one: list::remove_before_new;
    list_reader_sees_the_old_or_the_new_entry: list::replace;
    list_reader_sees_all_entries_or_none_after_clear: list::clear;
    entry_is_inserted_again_after_readers: list::insert_again;
    locked_updaters_of_a_list_lose_no_entry: list::excluded_updaters;
    hash_table_reader_sees_the_old_or_the_new_entry: list::hash_table;
    locked_updaters_of_a_hash_table_count_entries: list::counted_entries;

    resizable_reader_sees_the_old_or_the_new_entry: resizable::replace;
    resizable_reader_finds_an_entry_during_a_resize: resizable::resize;
    second_resize_waits_for_readers_of_the_first_array: resizable::resize_twice;

    table_lookup_sees_the_old_or_the_new_node: table_words::replace;
    table_lookup_sees_the_child_of_a_removed_level: table_words::replace_by_child;
    table_lookup_sees_a_node_until_its_removal: table_words::cut;
    table_lookup_finds_the_answer_of_a_number: table_words::grow;
    lookup_sees_the_changes_that_the_generation_counts: table_words::count;
    reader_of_a_number_sees_its_reuse: table_words::reuse;

    srcu_reader_sees_the_published_object: srcu::message_passing;
    racing_srcu_updaters_reclaim_the_objects_of_each_other: srcu::racing_updaters;
    srcu_synchronize_reclaims_after_readers: srcu::grace_period;

    drain_waits_for_a_callback_of_a_leaked_srcu_domain: srcu::leaked_domain;

    work_reclaims_objects_after_their_callbacks: work::pending_objects;
    racing_callbacks_lose_no_object: work::racing_callbacks;
    racing_loads_create_the_workqueue_once: work::racing_drains;
    updater_that_sees_a_drain_sees_its_workqueue: work::visible_drain;
    // Without the bound the test passes too, in ten times the time.
    drain_waits_for_callbacks_of_callbacks: work::nested_callbacks, up_to_preemptions(3);
    drain_waits_for_callbacks_of_work: work::callback_of_work;
    unload_waits_for_an_updater_that_sees_a_drain: work::closed_drain;
}

weakened! {
    reader_without_acquire_is_detected: pointer::message_passing
        fails_without "published Published::dereference load" Acquire => Relaxed;
    swap_without_release_is_detected: pointer::message_passing
        fails_without "published Published::replace swap" AcqRel => Acquire;
    swap_without_acquire_is_detected: pointer::racing_updaters
        fails_without "published Published::replace swap" AcqRel => Release;
    store_without_release_is_detected: pointer::message_passing_under_lock
        fails_without "published Published::publish store" Release => Relaxed;

    list_reader_without_acquire_is_detected: list::push
        fails_without "chain Link::load load" Acquire => Relaxed;
    list_insertion_without_release_is_detected: list::push
        fails_without "chain Link::publish store" Release => Relaxed;
    list_replacement_without_release_is_detected: list::replace
        fails_without "chain Link::publish store" Release => Relaxed;
    list_removal_without_release_is_detected: list::remove_before_new
        fails_without "chain Link::publish store" Release => Relaxed, confined;
    hash_table_reader_without_acquire_is_detected: list::hash_table
        fails_without "chain Link::load load" Acquire => Relaxed;

    resizable_reader_without_acquire_is_detected: resizable::replace
        fails_without "chain Link::load load" Acquire => Relaxed;
    resizable_insertion_without_release_is_detected: resizable::replace
        fails_without "chain Link::publish store" Release => Relaxed;
    resize_without_release_is_detected: resizable::resize
        fails_without "published Published::publish store" Release => Relaxed;

    table_lookup_without_acquire_is_detected: table_words::replace
        fails_without "word PointerWord::load load" Acquire => Relaxed;
    table_node_without_release_is_detected: table_words::replace
        fails_without "word PointerWord::store store" Release => Relaxed;
    table_level_removed_without_release_is_detected: table_words::replace_by_child
        fails_without "word PointerWord::store store" Release => Relaxed;
    table_number_without_acquire_is_detected: table_words::grow
        misleads_without "word NumberWord::load load" Acquire => Relaxed;
    table_number_without_release_is_detected: table_words::grow
        misleads_without "word NumberWord::store store" Release => Relaxed;
    table_generation_without_acquire_is_detected: table_words::count
        misleads_without "word ChangeCount::load load" Acquire => Relaxed;
    table_generation_without_release_is_detected: table_words::count
        misleads_without "word ChangeCount::count fetch_add" Release => Relaxed;
    reuse_of_a_number_without_acquire_is_detected: table_words::reuse
        misleads_without "word NumberWord::load load" Acquire => Relaxed;
    reuse_of_a_number_without_release_is_detected: table_words::reuse
        misleads_without "word NumberWord::store store" Release => Relaxed;

    srcu_reader_without_acquire_is_detected: srcu::message_passing
        fails_without "published Published::dereference load" Acquire => Relaxed;
    srcu_swap_without_release_is_detected: srcu::message_passing
        fails_without "published Published::replace swap" AcqRel => Acquire;
    srcu_swap_without_acquire_is_detected: srcu::racing_updaters
        fails_without "published Published::replace swap" AcqRel => Release;

    end_of_srcu_callback_without_release_is_detected: srcu::leaked_domain
        fails_without "drain note_end_of_srcu_callback fetch_add" Release => Relaxed;
    wait_for_srcu_callback_without_acquire_is_detected: srcu::leaked_domain
        fails_without "drain wait_for_srcu_callbacks load 2" Acquire => Relaxed;

    lock_of_drains_without_acquire_is_detected: work::racing_drains
        fails_without "drain DrainLock::acquire swap" Acquire => Relaxed;
    lock_of_drains_without_release_is_detected: work::racing_drains
        fails_without "drain DrainLock::drop swap" Release => Relaxed;
    new_drain_without_release_is_detected: work::visible_drain
        fails_without "drain open fetch_add" Release => Relaxed;
    search_for_a_drain_without_acquire_is_detected: work::visible_drain
        fails_without "drain Permit::new load" Acquire => Relaxed;

    // Orderings of the model of the kernel.
    read_lock_without_acquire_is_detected: pointer::grace_period
        fails_without "rcu_read_lock" Acquire => Relaxed;
    begin_of_grace_period_without_release_is_detected: pointer::grace_period
        fails_without "synchronize_rcu begin" Release => Relaxed;
    read_unlock_without_release_is_detected: pointer::grace_period
        fails_without "rcu_read_unlock" Release => Relaxed;
    end_of_grace_period_without_acquire_is_detected: pointer::grace_period
        fails_without "synchronize_rcu end" Acquire => Relaxed;
    mutex_lock_without_acquire_is_detected: pointer::excluded_updaters
        fails_without "mutex_lock" Acquire => Relaxed;
    mutex_unlock_without_release_is_detected: pointer::excluded_updaters
        fails_without "mutex_unlock" Release => Relaxed;
}

#[test]
fn missing_grace_period_is_detected() {
    Test::new(pointer::missing_grace_period).assert_fails(None);
}

#[test]
fn every_ordering_is_used_by_a_test() {
    let used: Vec<_> = TESTS.iter().flat_map(|test| test.orderings()).collect();
    for Site { name, place, .. } in SHIPPED.iter().chain(MODEL) {
        assert!(used.contains(name), "no test uses {name} ({place})");
    }
}

#[test]
fn every_weakening_has_a_test() {
    for &site in SHIPPED.iter().chain(MODEL) {
        for &to in site.next_weaker() {
            let Site {
                name,
                place,
                ordering,
            } = site;
            assert!(
                WEAKENED
                    .iter()
                    .any(|&(_, site, weaker)| (site, weaker) == (name, to)),
                "no test weakens {name} ({place}) from {ordering:?} to {to:?}"
            );
        }
    }
}

#[test]
fn every_weakening_is_documented() {
    let documentation = include_str!("../../src/lib.rs");
    for (test, site, to) in WEAKENED {
        let row = format!("| `{site}` | {to:?} | `{test}`");
        assert!(
            documentation.contains(&row),
            "src/lib.rs lacks the row: {row}"
        );
    }
}
