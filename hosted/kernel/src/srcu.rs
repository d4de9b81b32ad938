// SPDX-License-Identifier: GPL-2.0

//! Sleepable RCU over the standard library's mutexes, because liburcu has no sleepable RCU.
//!
//! The functions have the kernel's names and are reached through [`bindings`](crate::bindings).
//!
//! A domain counts its readers under two indices. A grace period makes new readers use the other
//! index and waits until the old index has no readers, so that new readers do not delay it. Each
//! domain has a thread that drives its grace periods and calls its callbacks. As in the kernel,
//! callbacks must not sleep.

use crate::{
    alloc::{flags::GFP_KERNEL, KBox},
    bindings::{callback_head, rcu_callback_t},
    context,
    error::code::ENOMEM,
};
use core::{
    cell::RefCell,
    ffi::{c_int, c_ulong},
    ptr,
};
use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

/// A domain of readers and grace periods.
#[expect(non_camel_case_types, reason = "C's name")]
pub struct srcu_struct {
    domain: *mut Domain,
}

/// The allocated part of a domain; the kernel has one too.
struct Domain {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// The number of readers under each index.
    readers: [usize; 2],
    /// The index for new readers.
    index: usize,
    /// The number of grace periods that have ended.
    ended: c_ulong,
    /// Whether a grace period has begun and not ended.
    in_progress: bool,
    /// The number of grace periods requested so far.
    needed: c_ulong,
    /// The queued callbacks, oldest first.
    callbacks: VecDeque<Callback>,
    /// The number of callbacks queued so far.
    queued: u64,
    /// The number of callbacks that have returned.
    called: u64,
    /// Whether the driver must stop.
    is_ending: bool,
    driver: Option<JoinHandle<()>>,
}

struct Callback {
    /// The number of grace periods that must end before the call.
    after: c_ulong,
    head: *mut callback_head,
}

// SAFETY: The caller of `call_srcu()` guarantees that the callback can run in any thread.
unsafe impl Send for Callback {}

thread_local! {
    /// The domains whose critical sections this thread is in, once for each section.
    static SECTIONS: RefCell<Vec<*const srcu_struct>> = const { RefCell::new(Vec::new()) };
}

impl Domain {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while<'a>(
        &self,
        state: MutexGuard<'a, State>,
        condition: impl FnMut(&mut State) -> bool,
    ) -> MutexGuard<'a, State> {
        context::block(|| {
            self.changed
                .wait_while(state, condition)
                .unwrap_or_else(PoisonError::into_inner)
        })
    }

    /// Requests a grace period and returns its number.
    fn start(&self, state: &mut State) -> c_ulong {
        let cookie = state.next_cookie();
        state.needed = state.needed.max(cookie);
        self.changed.notify_all();
        cookie
    }

    /// Drives grace periods and calls callbacks until the domain ends.
    fn drive(&self) {
        context::register();
        context::become_softirq();
        let mut state = self.state();
        loop {
            state = self.wait_while(state, |state| {
                state.ended == state.needed && !state.is_ending
            });
            if state.is_ending {
                return;
            }
            state.in_progress = true;
            let index = state.index;
            state.index = 1 - index;
            state = self.wait_while(state, |state| state.readers[index] > 0);
            state.in_progress = false;
            state.ended += 1;
            self.changed.notify_all();
            while let Some(head) = state.pop_ready() {
                drop(state);
                // SAFETY: The caller of `call_srcu()` keeps `head` valid until its callback runs.
                if let Some(func) = unsafe { (*head).func } {
                    // SAFETY: `head` was queued for this one call.
                    unsafe { func(head) };
                }
                state = self.state();
                state.called += 1;
                self.changed.notify_all();
            }
        }
    }
}

impl State {
    /// Returns the number of the next grace period to begin.
    fn next_cookie(&self) -> c_ulong {
        self.ended + 1 + c_ulong::from(self.in_progress)
    }

    /// Removes a callback whose grace period has ended.
    fn pop_ready(&mut self) -> Option<*mut callback_head> {
        let after = self.callbacks.front()?.after;
        (after <= self.ended).then(|| self.callbacks.pop_front().map(|callback| callback.head))?
    }

    /// Returns the kind of activity that prevents the end of the domain.
    fn remainder(&self) -> Option<&'static str> {
        if self.readers != [0; 2] {
            Some("readers")
        } else if self.called != self.queued {
            Some("callbacks")
        } else if self.ended != self.needed {
            Some("a grace period")
        } else {
            None
        }
    }
}

/// Returns the domain of an `srcu_struct`.
///
/// # Safety
///
/// `ssp` is initialised and is not cleaned up while the reference is used.
unsafe fn domain<'a>(ssp: *mut srcu_struct) -> &'a Domain {
    // SAFETY: `ssp` is initialised, so `domain` points to the box that `init_srcu_struct()` made.
    unsafe { &*(*ssp).domain }
}

/// Asserts that a wait for a grace period of this domain cannot deadlock.
///
/// # Panics
///
/// In a critical section of the domain or of RCU, or in a callback.
#[track_caller]
fn assert_may_wait(ssp: *const srcu_struct, what: &str) {
    context::assert_may_sleep(what);
    let is_reader = SECTIONS.with_borrow(|sections| sections.contains(&ssp));
    if is_reader && !thread::panicking() {
        panic!("BUG: {what} inside a read-side critical section of the same domain: the wait would never end");
    }
}

/// Initialises a domain. Returns 0 or a negative errno.
///
/// # Safety
///
/// `ssp` is valid for writing. The domain does not move before [`cleanup_srcu_struct`].
///
/// # Panics
///
/// Inside a read-side critical section of RCU or a callback.
#[track_caller]
pub unsafe fn init_srcu_struct(ssp: *mut srcu_struct) -> c_int {
    struct Shared(*const Domain);
    // SAFETY: A domain has no thread affinity.
    unsafe impl Send for Shared {}
    impl Shared {
        /// # Safety
        ///
        /// The domain lives until the driver returns.
        unsafe fn drive(self) {
            // SAFETY: The caller keeps the domain alive until this returns.
            unsafe { (*self.0).drive() }
        }
    }

    let domain = Domain {
        state: Mutex::new(State {
            readers: [0; 2],
            index: 0,
            ended: 0,
            in_progress: false,
            needed: 0,
            callbacks: VecDeque::new(),
            queued: 0,
            called: 0,
            is_ending: false,
            driver: None,
        }),
        changed: Condvar::new(),
    };
    let Ok(domain) = KBox::new(domain, GFP_KERNEL) else {
        return ENOMEM.to_errno();
    };
    let domain = KBox::into_raw(domain);
    let shared = Shared(domain);
    let driver = thread::Builder::new()
        .name("srcu".into())
        .spawn(move || {
            // SAFETY: `cleanup_srcu_struct()` joins this thread before it frees the domain.
            unsafe { shared.drive() }
        })
        .expect("a thread for the domain");
    // SAFETY: The domain was allocated above.
    unsafe { &*domain }.state().driver = Some(driver);
    // SAFETY: The caller guarantees that `ssp` is valid for writing.
    unsafe { ssp.write(srcu_struct { domain }) };
    0
}

/// Ends a domain that is no longer used.
///
/// As in the kernel, the domain is leaked with a warning if readers, callbacks or a grace period
/// remain.
///
/// # Safety
///
/// `ssp` is initialised, and is not used again.
///
/// # Panics
///
/// If it warns, or inside a read-side critical section of RCU or a callback.
#[track_caller]
pub unsafe fn cleanup_srcu_struct(ssp: *mut srcu_struct) {
    context::assert_may_sleep("cleanup_srcu_struct()");
    let driver = {
        // SAFETY: The caller guarantees that `ssp` is initialised.
        let domain = unsafe { domain(ssp) };
        let mut state = domain.state();
        if let Some(what) = state.remainder() {
            drop(state);
            if !thread::panicking() {
                panic!("WARNING: cleanup_srcu_struct() with {what}: the domain is leaked");
            }
            return;
        }
        state.is_ending = true;
        domain.changed.notify_all();
        state.driver.take()
    };
    if let Some(driver) = driver {
        driver.join().expect("the driver does not panic");
    }
    // SAFETY: `init_srcu_struct()` stored a box there, and the driver has ended.
    drop(unsafe { KBox::from_raw((*ssp).domain) });
    // SAFETY: `ssp` is initialised, so it is valid for writing.
    unsafe { (*ssp).domain = ptr::null_mut() };
}

/// Begins a read-side critical section. Returns the index for [`__srcu_read_unlock`].
///
/// # Safety
///
/// `ssp` is initialised. [`__srcu_read_unlock`] is called by the same thread afterwards.
pub unsafe fn __srcu_read_lock(ssp: *mut srcu_struct) -> c_int {
    SECTIONS.with_borrow_mut(|sections| sections.push(ssp));
    // SAFETY: The caller guarantees that `ssp` is initialised.
    let mut state = unsafe { domain(ssp) }.state();
    let index = state.index;
    state.readers[index] += 1;
    c_int::from(index == 1)
}

/// Ends a read-side critical section.
///
/// # Safety
///
/// `ssp` is initialised. `index` belongs to a section that has not ended.
///
/// # Panics
///
/// If this thread is not in a section of the domain.
#[track_caller]
pub unsafe fn __srcu_read_unlock(ssp: *mut srcu_struct, index: c_int) {
    SECTIONS.with_borrow_mut(|sections| {
        let last = sections.iter().rposition(|&section| ptr::eq(section, ssp));
        sections.swap_remove(last.expect("a reader must unlock in the thread that locked"));
    });
    // SAFETY: The caller guarantees that `ssp` is initialised.
    let domain = unsafe { domain(ssp) };
    domain.state().readers[usize::from(index == 1)] -= 1;
    domain.changed.notify_all();
}

/// Waits for a grace period.
///
/// # Safety
///
/// `ssp` is initialised.
///
/// # Panics
///
/// Where the kernel would deadlock: inside a read-side critical section of the same domain or of
/// RCU, or a callback.
#[track_caller]
pub unsafe fn synchronize_srcu(ssp: *mut srcu_struct) {
    assert_may_wait(ssp, "synchronize_srcu()");
    // SAFETY: The caller guarantees that `ssp` is initialised.
    let domain = unsafe { domain(ssp) };
    let mut state = domain.state();
    let cookie = domain.start(&mut state);
    drop(domain.wait_while(state, |state| state.ended < cookie));
}

/// As [`synchronize_srcu`]: the stand-in has only one kind of grace period.
///
/// # Safety
///
/// As for [`synchronize_srcu`].
///
/// # Panics
///
/// As [`synchronize_srcu`].
#[track_caller]
pub unsafe fn synchronize_srcu_expedited(ssp: *mut srcu_struct) {
    // SAFETY: The caller guarantees that `ssp` is initialised.
    unsafe { synchronize_srcu(ssp) };
}

/// Calls `func` with `head` after a grace period.
///
/// # Safety
///
/// `ssp` is initialised. `head` is valid, in no other queue, and belongs to SRCU until `func` is
/// called.
pub unsafe fn call_srcu(ssp: *mut srcu_struct, head: *mut callback_head, func: rcu_callback_t) {
    let next = ptr::null_mut();
    // SAFETY: The caller guarantees that `head` is valid and in no other queue.
    unsafe { head.write(callback_head { next, func }) };
    // SAFETY: The caller guarantees that `ssp` is initialised.
    let domain = unsafe { domain(ssp) };
    let mut state = domain.state();
    let after = domain.start(&mut state);
    state.queued += 1;
    state.callbacks.push_back(Callback { after, head });
}

/// Waits for all callbacks queued before.
///
/// # Safety
///
/// `ssp` is initialised.
///
/// # Panics
///
/// As [`synchronize_srcu`].
#[track_caller]
pub unsafe fn srcu_barrier(ssp: *mut srcu_struct) {
    assert_may_wait(ssp, "srcu_barrier()");
    // SAFETY: The caller guarantees that `ssp` is initialised.
    let domain = unsafe { domain(ssp) };
    let state = domain.state();
    let queued = state.queued;
    drop(domain.wait_while(state, |state| state.called < queued));
}

/// Returns the cookie of the next grace period without starting it.
///
/// # Safety
///
/// `ssp` is initialised.
pub unsafe fn get_state_synchronize_srcu(ssp: *mut srcu_struct) -> c_ulong {
    // SAFETY: The caller guarantees that `ssp` is initialised.
    unsafe { domain(ssp) }.state().next_cookie()
}

/// Starts a grace period and returns its cookie.
///
/// # Safety
///
/// `ssp` is initialised.
pub unsafe fn start_poll_synchronize_srcu(ssp: *mut srcu_struct) -> c_ulong {
    // SAFETY: The caller guarantees that `ssp` is initialised.
    let domain = unsafe { domain(ssp) };
    domain.start(&mut domain.state())
}

/// Returns whether the cookie's grace period has ended.
///
/// # Safety
///
/// `ssp` is initialised, and the cookie came from it.
pub unsafe fn poll_state_synchronize_srcu(ssp: *mut srcu_struct, cookie: c_ulong) -> bool {
    // SAFETY: The caller guarantees that `ssp` is initialised.
    unsafe { domain(ssp) }.state().ended >= cookie
}
