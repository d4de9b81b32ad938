// SPDX-License-Identifier: GPL-2.0

//! The flavours of liburcu: which threads delay a grace period, and how a process selects a flavour.

use kernel::{new_mutex, prelude::*, sync::Mutex};
use rcu_routes::{
    flavour::{Flavour, Online, SelectError},
    rcu::{read_lock, synchronize, GracePeriod},
    testing::{in_each_flavour, panic_message, wait_until, HeldReader, SETTLE_TIME},
};
use std::{sync::mpsc, thread};

#[test]
fn all_flavours_are_included() {
    let included: Vec<_> = Flavour::included().collect();
    assert_eq!(included, Flavour::ALL);
}

#[test]
fn the_process_keeps_its_first_flavour() {
    in_each_flavour("the_process_keeps_its_first_flavour", |flavour| {
        drop(read_lock());
        assert_eq!(Flavour::current(), flavour);
        for other in Flavour::ALL {
            let expected = match other == flavour {
                true => Ok(()),
                false => Err(SelectError::InUse(flavour)),
            };
            assert_eq!(other.select(), expected);
        }
    });
}

#[test]
fn only_critical_sections_delay_a_grace_period() {
    in_each_flavour("only_critical_sections_delay_a_grace_period", |_| {
        let (done, wait) = mpsc::channel::<()>();
        thread::scope(|scope| {
            // A thread that has read, and now blocks.
            let (has_read, started) = mpsc::channel();
            scope.spawn(move || {
                drop(read_lock());
                has_read.send(()).unwrap();
                wait.recv().unwrap();
            });
            started.recv().unwrap();
            synchronize();

            let reader = HeldReader::start();
            let waited = GracePeriod::start();
            thread::sleep(SETTLE_TIME);
            assert!(!waited.is_complete(), "ended under a reader");
            reader.release();
            waited.wait();
            done.send(()).unwrap();
        });
    });
}

#[test]
fn an_online_thread_delays_a_grace_period_of_qsbr_until_it_reports() {
    let name = "an_online_thread_delays_a_grace_period_of_qsbr_until_it_reports";
    in_each_flavour(name, |flavour| {
        let online = Online::new();
        // Reports at their ends would be quiescent states.
        drop(read_lock());
        let waited = GracePeriod::start();
        thread::sleep(SETTLE_TIME);
        assert_eq!(waited.is_complete(), flavour != Flavour::Qsbr);
        wait_until("the grace period ends", || {
            online.quiescent_state();
            waited.is_complete()
        });
        // The wait itself is a quiescent state, in any flavour.
        synchronize();
        // From here on the thread is offline.
        drop(online);
        let waited = GracePeriod::start();
        wait_until("the next grace period ends", || waited.is_complete());
    });
}

#[test]
fn the_end_of_online_inside_a_reader_leaves_the_reader_protected() {
    let name = "the_end_of_online_inside_a_reader_leaves_the_reader_protected";
    in_each_flavour(name, |_| {
        let online = Online::new();
        let guard = read_lock();
        let waited = GracePeriod::start();
        drop(online);
        thread::sleep(SETTLE_TIME);
        assert!(!waited.is_complete(), "ended under a reader");
        drop(guard);
        wait_until("the grace period ends", || waited.is_complete());
    });
}

#[test]
fn a_quiescent_state_inside_a_reader_panics() {
    in_each_flavour("a_quiescent_state_inside_a_reader_panics", |_| {
        let online = Online::new();
        let guard = read_lock();
        let message = panic_message(|| online.quiescent_state());
        assert!(message.contains("critical section"), "{message}");
        drop(guard);
        online.quiescent_state();
    });
}

/// The holder of a mutex waits for a grace period, while an online thread waits for the mutex.
#[test]
fn an_online_thread_that_waits_for_a_mutex_delays_no_grace_period() {
    let name = "an_online_thread_that_waits_for_a_mutex_delays_no_grace_period";
    in_each_flavour(name, |_| {
        let mutex: Pin<KBox<Mutex<u32>>> = KBox::pin_init(new_mutex!(0), GFP_KERNEL).unwrap();
        let (held, wait_held) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut guard = mutex.lock();
                held.send(()).unwrap();
                thread::sleep(SETTLE_TIME);
                synchronize();
                *guard += 1;
            });
            wait_held.recv().unwrap();
            let online = Online::new();
            assert_eq!(*mutex.lock(), 1);
            online.quiescent_state();
        });
    });
}
