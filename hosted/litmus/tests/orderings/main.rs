// SPDX-License-Identifier: GPL-2.0

//! The tests: each as the module ships, and with the orderings weakened that it is for. What they are is
//! said in the crate's documentation.
//!
//! All threads of a model run in one of the system, so what they share needs no more than an `Rc`.

mod list;
mod pointer;
mod srcu;
mod work;

use core::sync::atomic::Ordering::{self, AcqRel, Acquire, Relaxed, Release};
use litmus::{
    checker::Test,
    ordering::{Site, Weakening, MODEL, SHIPPED},
};

/// Tests that pass.
macro_rules! holds {
    ($($name:ident: $file:ident :: $test:ident $(, $bound:ident ($most:literal))?;)*) => {
        $(
            #[test]
            fn $name() {
                Test::new($file::$test)$(.$bound($most))?.holds();
            }
        )*

        const TESTS: &[Test] = &[$(Test::new($file::$test)),*];
    };
}

/// Weakenings that the model checker complains of, and those that it does not.
macro_rules! weakened {
    ($(
        $name:ident: $file:ident :: $test:ident
            $verdict:ident $site:literal $from:ident => $to:ident $(, $in_part:ident)?;
    )*) => {
        $(
            #[test]
            fn $name() {
                let weakening = Weakening::new($site, $from, $to)$(.$in_part())?;
                weakened!($verdict, Test::new($file::$test), weakening);
            }
        )*

        const WEAKENED: &[(&str, &str, Ordering)] = &[$((stringify!($name), $site, $to)),*];
    };
    (breaks_without, $test:expr, $weakening:expr) => {
        $test.breaks(Some($weakening));
    };
    (holds_without, $test:expr, $weakening:expr) => {
        $test.holds_in_spite_of($weakening);
    };
}

holds! {
    reader_finds_what_an_exchange_published: pointer::message_passing;
    reader_finds_what_a_store_published: pointer::message_passing_under_lock;
    updater_sees_what_the_one_before_published: pointer::protected_by_order;
    racing_updaters_take_back_each_others_objects: pointer::racing_updaters;
    locked_updaters_lose_no_update: pointer::excluded_updaters;
    reader_is_done_when_synchronize_gives_the_object_back: pointer::grace_period;
    reader_is_done_when_polling_gives_the_object_back: pointer::polled_grace_period;
    reader_is_done_when_the_callback_frees_the_object: pointer::callback;
    joined_threads_are_done_when_take_gives_the_object_back: pointer::take_after_join;

    walker_finds_entries_complete_as_they_are_put_in: list::push;
    walker_goes_on_from_an_entry_that_is_taken_out: list::remove;
    walker_finds_the_entry_behind_the_one_taken_out: list::remove_before_new;
    walker_finds_the_old_or_the_new_entry: list::replace;
    walker_finds_all_entries_or_none: list::clear;
    walker_is_done_when_an_entry_is_put_in_again: list::put_in_again;
    locked_updaters_of_a_list_lose_no_entry: list::excluded_updaters;
    reader_of_a_hash_table_finds_the_old_or_the_new_entry: list::hash_table;
    locked_updaters_of_a_hash_table_count_right: list::counted_entries;

    srcu_reader_finds_what_was_published: srcu::message_passing;
    racing_srcu_updaters_take_back_each_others_objects: srcu::racing_updaters;
    srcu_reader_is_done_when_synchronize_gives_the_object_back: srcu::grace_period;

    work_reclaims_objects_when_their_callbacks_are_done: work::pending_objects;
    racing_callbacks_lose_no_object: work::racing_callbacks;
    racing_drains_make_the_work_item_once: work::racing_drains;
    who_finds_a_drain_finds_its_work_item: work::found_drain;
    // In every order it takes ten times as long, and passes.
    drain_waits_for_callbacks_of_callbacks: work::nested_callbacks, up_to_preemptions(3);
    drain_waits_for_callbacks_of_work: work::callback_of_work;
    drain_waits_for_who_has_found_it: work::dropped_drain;
}

weakened! {
    reader_without_acquire_finds_garbage: pointer::message_passing
        breaks_without "published Published::dereference load" Acquire => Relaxed;
    reader_finds_garbage_if_the_exchange_does_not_release: pointer::message_passing
        breaks_without "published Published::replace swap" AcqRel => Acquire;
    racing_updater_takes_back_garbage_if_the_exchange_does_not_acquire: pointer::racing_updaters
        breaks_without "published Published::replace swap" AcqRel => Release;
    reader_finds_garbage_if_the_store_does_not_release: pointer::message_passing_under_lock
        breaks_without "published Published::publish store" Release => Relaxed;

    walker_without_acquire_finds_garbage: list::push
        breaks_without "chain Iter::next load" Acquire => Relaxed;
    walker_finds_garbage_if_putting_in_does_not_release: list::push
        breaks_without "chain Link::publish store" Release => Relaxed;
    walker_finds_garbage_if_replacing_does_not_release: list::replace
        breaks_without "chain Link::publish store" Release => Relaxed;
    walker_finds_garbage_if_taking_out_does_not_release: list::remove_before_new
        breaks_without "chain Link::publish store" Release => Relaxed, in_part;
    reader_of_a_hash_table_without_acquire_finds_garbage: list::hash_table
        breaks_without "chain Iter::next load" Acquire => Relaxed;

    srcu_reader_without_acquire_finds_garbage: srcu::message_passing
        breaks_without "published Published::dereference load" Acquire => Relaxed;
    srcu_reader_finds_garbage_if_the_exchange_does_not_release: srcu::message_passing
        breaks_without "published Published::replace swap" AcqRel => Acquire;
    racing_srcu_updater_takes_back_garbage_if_the_exchange_does_not_acquire: srcu::racing_updaters
        breaks_without "published Published::replace swap" AcqRel => Release;

    work_reclaims_too_early_if_callbacks_do_not_release: work::pending_objects
        breaks_without "work add_pending compare_exchange_weak success" Release => Relaxed;
    work_reclaims_too_early_if_it_does_not_acquire: work::pending_objects
        breaks_without "work remove_pending swap" Acquire => Relaxed;
    racing_drain_uses_a_raw_work_item_if_its_maker_does_not_release: work::racing_drains
        breaks_without "work init_once store" Release => Relaxed;
    racing_drain_uses_a_raw_work_item_if_it_does_not_acquire: work::racing_drains
        breaks_without "work init_once load" Acquire => Relaxed;
    racing_drain_that_is_first_has_nothing_to_acquire: work::racing_drains
        holds_without "work init_once compare_exchange success" Acquire => Relaxed;
    racing_drain_that_is_second_acquires_later: work::racing_drains
        holds_without "work init_once compare_exchange failure" Acquire => Relaxed;
    who_finds_a_drain_finds_a_raw_work_item_if_its_maker_does_not_release: work::found_drain
        breaks_without "drain CallbackDrain::new fetch_add" Release => Relaxed;
    who_finds_a_drain_without_acquire_finds_a_raw_work_item: work::found_drain
        breaks_without "drain Permit::new load" Acquire => Relaxed;

    // The model of the kernel gives nothing away either.
    later_reader_finds_a_freed_object_if_it_does_not_acquire: pointer::grace_period
        breaks_without "rcu_read_lock" Acquire => Relaxed;
    later_reader_finds_a_freed_object_if_the_grace_period_does_not_release: pointer::grace_period
        breaks_without "synchronize_rcu begin" Release => Relaxed;
    object_is_freed_under_a_reader_that_does_not_release: pointer::grace_period
        breaks_without "rcu_read_unlock" Release => Relaxed;
    object_is_freed_under_a_reader_if_the_grace_period_does_not_acquire: pointer::grace_period
        breaks_without "synchronize_rcu end" Acquire => Relaxed;
    locked_updaters_disagree_if_the_lock_does_not_acquire: pointer::excluded_updaters
        breaks_without "mutex_lock" Acquire => Relaxed;
    locked_updaters_disagree_if_the_lock_does_not_release: pointer::excluded_updaters
        breaks_without "mutex_unlock" Release => Relaxed;
}

#[test]
fn object_is_freed_under_a_reader_if_nobody_waits() {
    Test::new(pointer::grace_period_of_no_time).breaks(None);
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
