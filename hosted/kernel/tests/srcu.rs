// SPDX-License-Identifier: GPL-2.0

//! The stand-in's sleepable RCU detects misuse. `rcu-routes` tests its regular use.

#![expect(unsafe_code, reason = "calls C functions")]

use kernel::{alloc::failslab, bindings, error::to_result, prelude::*};
use std::{
    mem::MaybeUninit,
    panic::{catch_unwind, AssertUnwindSafe},
    ptr, thread,
};

/// Returns the message of the panic that `body` must cause.
fn panic_message(body: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(body)).expect_err("no panic");
    *panic.downcast::<String>().expect("a formatted message")
}

#[test]
fn cleanup_with_a_reader_or_a_grace_period_panics() {
    let mut place = MaybeUninit::<bindings::srcu_struct>::uninit();
    let domain = place.as_mut_ptr();

    let injection = failslab::fail_nth(1);
    // SAFETY: The place is valid for writing and does not move.
    assert_eq!(unsafe { bindings::init_srcu_struct(domain) }, -12);
    drop(injection);
    // SAFETY: The place is valid for writing and does not move.
    assert_eq!(unsafe { bindings::init_srcu_struct(domain) }, 0);

    // SAFETY: The domain is initialised.
    let index = unsafe { bindings::__srcu_read_lock(domain) };
    // SAFETY: The domain is initialised, and stays so after the panic.
    let message = panic_message(|| unsafe { bindings::cleanup_srcu_struct(domain) });
    assert!(message.contains("with readers"), "{message}");
    // SAFETY: The domain is initialised.
    let message = panic_message(|| unsafe { bindings::synchronize_srcu(domain) });
    assert!(message.contains("same domain"), "{message}");

    // SAFETY: The domain is initialised. The reader blocks the grace period.
    let cookie = unsafe { bindings::start_poll_synchronize_srcu(domain) };
    // SAFETY: The domain is initialised, and the index belongs to this section.
    unsafe { bindings::__srcu_read_unlock(domain, index) };
    // SAFETY: The domain is initialised.
    unsafe { bindings::synchronize_srcu(domain) };
    // SAFETY: The domain is initialised, and the cookie came from it.
    assert!(unsafe { bindings::poll_state_synchronize_srcu(domain, cookie) });
    // SAFETY: The domain is initialised and not used again.
    unsafe { bindings::cleanup_srcu_struct(domain) };
}

#[test]
fn unlock_in_another_thread_panics() {
    struct Domain(bindings::srcu_struct);
    // SAFETY: A domain has no thread affinity.
    unsafe impl Send for Domain {}
    // SAFETY: SRCU's functions synchronise internally.
    unsafe impl Sync for Domain {}

    let mut place = MaybeUninit::<Domain>::uninit();
    // SAFETY: The place is valid for writing and does not move.
    assert_eq!(
        unsafe { bindings::init_srcu_struct(place.as_mut_ptr().cast()) },
        0
    );
    // SAFETY: The domain was initialised above.
    let domain = unsafe { place.assume_init_ref() };
    let raw = |domain: &Domain| ptr::from_ref(&domain.0).cast_mut();
    // SAFETY: The domain is initialised.
    let index = unsafe { bindings::__srcu_read_lock(raw(domain)) };
    let elsewhere = thread::scope(|scope| {
        // SAFETY: The domain is initialised. The index belongs to a section of another thread,
        // which the stand-in must detect.
        let elsewhere = scope.spawn(|| unsafe { bindings::__srcu_read_unlock(raw(domain), index) });
        elsewhere.join()
    });
    assert!(elsewhere.is_err());
    // SAFETY: The domain is initialised, and the index belongs to this section.
    unsafe { bindings::__srcu_read_unlock(raw(domain), index) };
    // SAFETY: The domain is initialised and not used again.
    unsafe { bindings::cleanup_srcu_struct(raw(domain)) };
}

#[test]
fn negative_results_of_c_are_errors() {
    assert_eq!(to_result(-12), Err(ENOMEM));
    assert_eq!((to_result(0), to_result(1)), (Ok(()), Ok(())));
}
