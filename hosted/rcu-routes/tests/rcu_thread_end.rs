// SPDX-License-Identifier: GPL-2.0

//! A reader at the end of its thread, when thread-local variables are dropped. The thread's
//! registration with liburcu is one of them.

use kernel::prelude::*;
use rcu_routes::rcu::{read_lock, synchronize, Guard, Rcu, Reclaim, Softirq, UniqueRcuBox};
use std::{
    cell::RefCell,
    env, mem,
    os::unix::process::ExitStatusExt,
    process::{Command, Output},
    thread,
};

/// The signal of `abort()`.
const SIGABRT: i32 = 6;

const CANARY: u64 = 0x1ce1_ceba_be00;

struct Object {
    canary: u64,
}

impl Reclaim for Object {
    type Context = Softirq;
}

static OBJECT: Rcu<Object> = Rcu::null();

/// A reader that uses an object when its thread ends. Without a guard it begins then.
struct Late(Option<Guard>);

impl Drop for Late {
    fn drop(&mut self) {
        let guard = self.0.take().unwrap_or_else(read_lock);
        let object = OBJECT.dereference(&guard).expect("the object");
        let updater = thread::spawn(|| {
            let old = OBJECT.replace(None).expect("the object");
            synchronize();
            drop(old.synchronize());
        });
        // If grace periods wait for this reader, the updater does not end.
        while !updater.is_finished() {
            thread::yield_now();
        }
        println!("canary {:x}", object.canary);
    }
}

thread_local! {
    static LATE: RefCell<Option<Late>> = const { RefCell::new(None) };
}

/// Runs one of the ignored tests below in a process of its own.
fn run(test: &str) -> Output {
    Command::new(env::current_exe().expect("this program"))
        .args(["--ignored", "--exact", "--nocapture", test])
        .output()
        .expect("a process")
}

fn is_aborted(output: &Output, message: &str) -> bool {
    let log = String::from_utf8_lossy(&output.stderr);
    println!("{}{log}", String::from_utf8_lossy(&output.stdout));
    output.status.signal() == Some(SIGABRT) && log.contains(message)
}

#[test]
fn a_reader_that_outlives_its_threads_registration_aborts() {
    let output = run("reader_in_a_thread_local");
    assert!(is_aborted(&output, "a thread ends inside"));
}

#[test]
fn a_reader_that_begins_after_its_threads_registration_aborts() {
    let output = run("reader_after_the_registration");
    assert!(is_aborted(&output, "thread local panicked on drop"));
}

#[test]
fn a_thread_that_ends_with_a_forgotten_guard_aborts() {
    assert!(is_aborted(&run("forgotten_guard"), "a thread ends inside"));
}

/// Publishes an object, and runs a thread with a [`Late`] that `start` makes.
fn run_thread(start: fn() -> Late) {
    let object = Object { canary: CANARY };
    drop(OBJECT.replace(UniqueRcuBox::new(object, GFP_KERNEL).ok()));
    let reader = thread::spawn(move || {
        // The first use registers a destructor, which runs after those of later variables.
        LATE.with(|late| *late.borrow_mut() = None);
        LATE.with(|late| *late.borrow_mut() = Some(start()));
    });
    reader.join().expect("the reader");
}

#[test]
#[ignore = "a process of its own runs it"]
fn reader_in_a_thread_local() {
    run_thread(|| Late(Some(read_lock())));
}

#[test]
#[ignore = "a process of its own runs it"]
fn reader_after_the_registration() {
    run_thread(|| {
        // Registers the thread.
        drop(read_lock());
        Late(None)
    });
}

#[test]
#[ignore = "a process of its own runs it"]
fn forgotten_guard() {
    thread::spawn(|| mem::forget(read_lock()))
        .join()
        .expect("the reader");
}
