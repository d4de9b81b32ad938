// SPDX-License-Identifier: GPL-2.0

//! The stand-in's sleepable RCU notices who breaks its rules; what it does for those who do not is
//! tested with the module's sources.

use kernel::{alloc::failslab, bindings, error::to_result, prelude::*};
use std::{
    mem::MaybeUninit,
    panic::{catch_unwind, AssertUnwindSafe},
    ptr, thread,
};

/// What the stand-in says about `what`.
fn complaint(what: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(what)).expect_err("nobody complained");
    *panic.downcast::<String>().expect("a formatted message")
}

#[test]
fn a_domain_does_not_end_before_its_readers_and_grace_periods() {
    let mut place = MaybeUninit::<bindings::srcu_struct>::uninit();
    let domain = place.as_mut_ptr();

    let injection = failslab::fail_nth(1);
    // SAFETY: The place is large enough, and stays where it is.
    assert_eq!(unsafe { bindings::init_srcu_struct(domain) }, -12);
    drop(injection);
    // SAFETY: As above.
    assert_eq!(unsafe { bindings::init_srcu_struct(domain) }, 0);

    // SAFETY: It is initialised.
    let index = unsafe { bindings::__srcu_read_lock(domain) };
    // SAFETY: It is initialised, and after a complaint still is.
    let message = complaint(|| unsafe { bindings::cleanup_srcu_struct(domain) });
    assert!(message.contains("with readers"), "{message}");
    // SAFETY: It is initialised.
    let message = complaint(|| unsafe { bindings::synchronize_srcu(domain) });
    assert!(message.contains("same domain"), "{message}");

    // SAFETY: It is initialised. The reader holds the grace period up.
    let cookie = unsafe { bindings::start_poll_synchronize_srcu(domain) };
    // SAFETY: The index is that of this section.
    unsafe { bindings::__srcu_read_unlock(domain, index) };
    // SAFETY: It is initialised.
    unsafe { bindings::synchronize_srcu(domain) };
    // SAFETY: It is initialised, and the cookie is its.
    assert!(unsafe { bindings::poll_state_synchronize_srcu(domain, cookie) });
    // SAFETY: It is initialised, and is used no more.
    unsafe { bindings::cleanup_srcu_struct(domain) };
}

#[test]
fn a_reader_leaves_in_the_thread_in_which_it_came() {
    struct Domain(bindings::srcu_struct);
    // SAFETY: A domain belongs to no thread.
    unsafe impl Send for Domain {}
    // SAFETY: SRCU's functions synchronise by themselves.
    unsafe impl Sync for Domain {}

    let mut place = MaybeUninit::<Domain>::uninit();
    // SAFETY: The place is large enough, and stays where it is.
    assert_eq!(
        unsafe { bindings::init_srcu_struct(place.as_mut_ptr().cast()) },
        0
    );
    // SAFETY: It was just initialised.
    let domain = unsafe { place.assume_init_ref() };
    let raw = |domain: &Domain| ptr::from_ref(&domain.0).cast_mut();
    // SAFETY: It is initialised.
    let index = unsafe { bindings::__srcu_read_lock(raw(domain)) };
    let elsewhere = thread::scope(|scope| {
        // SAFETY: It is initialised, and the index is that of a section, if of another thread's, which is
        // noticed.
        let elsewhere = scope.spawn(|| unsafe { bindings::__srcu_read_unlock(raw(domain), index) });
        elsewhere.join()
    });
    assert!(elsewhere.is_err());
    // SAFETY: The index is that of this section.
    unsafe { bindings::__srcu_read_unlock(raw(domain), index) };
    // SAFETY: It is initialised, and is used no more.
    unsafe { bindings::cleanup_srcu_struct(raw(domain)) };
}

#[test]
fn results_of_c_are_errors_if_negative() {
    assert_eq!(to_result(-12), Err(ENOMEM));
    assert_eq!((to_result(0), to_result(1)), (Ok(()), Ok(())));
}
