// SPDX-License-Identifier: GPL-2.0

//! Sleepable RCU, which liburcu does not have: over the standard library's mutexes.
//!
//! The functions are the kernel's, and reach the module through [`bindings`](crate::bindings).
//!
//! A domain counts its readers under two indices. A grace period makes new readers use the other index
//! and waits until nobody is left under the one before, so new readers do not delay it. A thread for
//! each domain drives its grace periods and calls its callbacks; there, as in the kernel, sleeping is
//! not allowed.

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

/// What the kernel allocates for a domain too.
struct Domain {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// How many readers there are under each index.
    readers: [usize; 2],
    /// Which index new readers use.
    index: usize,
    /// How many grace periods have ended.
    ended: c_ulong,
    /// Whether one has begun and not ended.
    in_progress: bool,
    /// How many are to end. More than have ended if one is in progress.
    needed: c_ulong,
    /// What is to be called, oldest first.
    callbacks: VecDeque<Callback>,
    /// How many callbacks were ever queued.
    queued: u64,
    /// How many callbacks have returned.
    called: u64,
    /// Whether the driver is to stop.
    is_ending: bool,
    driver: Option<JoinHandle<()>>,
}

struct Callback {
    /// After how many grace periods it is to be called.
    after: c_ulong,
    head: *mut callback_head,
}

// SAFETY: Whoever queues a callback promises that it may run in another thread.
unsafe impl Send for Callback {}

thread_local! {
    /// The domains in whose critical sections this thread is, once for each section.
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
        self.changed
            .wait_while(state, condition)
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a grace period begun, and returns its number.
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
                // SAFETY: Whoever queued it keeps it valid until it is called; `func` was set then.
                if let Some(func) = unsafe { (*head).func } {
                    // SAFETY: This is what it was queued for, and it is called once.
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
    /// The number of the next grace period to begin.
    fn next_cookie(&self) -> c_ulong {
        self.ended + 1 + c_ulong::from(self.in_progress)
    }

    /// Takes a callback whose grace period has ended.
    fn pop_ready(&mut self) -> Option<*mut callback_head> {
        let after = self.callbacks.front()?.after;
        (after <= self.ended).then(|| self.callbacks.pop_front().map(|callback| callback.head))?
    }

    /// What keeps the domain from ending.
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

/// # Safety
///
/// `ssp` is initialised, and is not cleaned up as long as the domain is used.
unsafe fn domain<'a>(ssp: *mut srcu_struct) -> &'a Domain {
    // SAFETY: As the caller promises; the domain is made by `init_srcu_struct()`.
    unsafe { &*(*ssp).domain }
}

/// # Panics
///
/// Where the kernel would deadlock.
#[track_caller]
fn assert_may_wait(ssp: *const srcu_struct, what: &str) {
    context::assert_may_sleep(what);
    let is_reader = SECTIONS.with_borrow(|sections| sections.contains(&ssp));
    if is_reader && !thread::panicking() {
        panic!("BUG: {what} inside a read-side critical section of the same domain: it would wait for itself");
    }
}

/// Makes a domain; returns 0 or a negative errno.
///
/// # Safety
///
/// `ssp` is valid for writing. What is there does not move before [`cleanup_srcu_struct`].
///
/// # Panics
///
/// Inside a read-side critical section of RCU or a callback.
#[track_caller]
pub unsafe fn init_srcu_struct(ssp: *mut srcu_struct) -> c_int {
    struct Shared(*const Domain);
    // SAFETY: A domain may be used by any thread.
    unsafe impl Send for Shared {}
    impl Shared {
        /// # Safety
        ///
        /// The domain lives until the driver returns.
        unsafe fn drive(self) {
            // SAFETY: As the caller promises.
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
            // SAFETY: `cleanup_srcu_struct()` waits for the driver before it frees the domain.
            unsafe { shared.drive() }
        })
        .expect("a thread for the domain");
    // SAFETY: The domain was just made.
    unsafe { &*domain }.state().driver = Some(driver);
    // SAFETY: As the caller promises.
    unsafe { ssp.write(srcu_struct { domain }) };
    0
}

/// Ends a domain that nobody uses any more.
///
/// Complaining, it frees nothing if readers, callbacks or a grace period are left, as the kernel's.
///
/// # Safety
///
/// `ssp` is initialised, and is not used again.
///
/// # Panics
///
/// If it has to complain; inside a read-side critical section of RCU or a callback.
#[track_caller]
pub unsafe fn cleanup_srcu_struct(ssp: *mut srcu_struct) {
    context::assert_may_sleep("cleanup_srcu_struct()");
    let driver = {
        // SAFETY: As the caller promises.
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
    // SAFETY: `init_srcu_struct()` has put a box there, which nobody uses any more.
    drop(unsafe { KBox::from_raw((*ssp).domain) });
    // SAFETY: The caller promises that it is valid.
    unsafe { (*ssp).domain = ptr::null_mut() };
}

/// Begins a read-side critical section; returns an index, for its end.
///
/// # Safety
///
/// `ssp` is initialised. [`__srcu_read_unlock`] is called by the same thread afterwards.
pub unsafe fn __srcu_read_lock(ssp: *mut srcu_struct) -> c_int {
    SECTIONS.with_borrow_mut(|sections| sections.push(ssp));
    // SAFETY: As the caller promises.
    let mut state = unsafe { domain(ssp) }.state();
    let index = state.index;
    state.readers[index] += 1;
    c_int::from(index == 1)
}

/// Ends a read-side critical section.
///
/// # Safety
///
/// `ssp` is initialised, `index` is that of a section which has not ended.
///
/// # Panics
///
/// In a thread that is in no section of the domain.
#[track_caller]
pub unsafe fn __srcu_read_unlock(ssp: *mut srcu_struct, index: c_int) {
    SECTIONS.with_borrow_mut(|sections| {
        let last = sections.iter().rposition(|&section| ptr::eq(section, ssp));
        sections.swap_remove(last.expect("a reader leaves in the thread in which it came"));
    });
    // SAFETY: As the caller promises.
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
/// Where the kernel would deadlock: inside a read-side critical section of the same domain or of RCU,
/// or a callback.
#[track_caller]
pub unsafe fn synchronize_srcu(ssp: *mut srcu_struct) {
    assert_may_wait(ssp, "synchronize_srcu()");
    // SAFETY: As the caller promises.
    let domain = unsafe { domain(ssp) };
    let mut state = domain.state();
    let cookie = domain.start(&mut state);
    drop(domain.wait_while(state, |state| state.ended < cookie));
}

/// As [`synchronize_srcu`]; there is one kind of grace period here.
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
    // SAFETY: As the caller promises.
    unsafe { synchronize_srcu(ssp) };
}

/// Calls `func` with `head` after a grace period.
///
/// # Safety
///
/// `ssp` is initialised. `head` is valid, in no other queue, and stays SRCU's until `func` is called.
pub unsafe fn call_srcu(ssp: *mut srcu_struct, head: *mut callback_head, func: rcu_callback_t) {
    let next = ptr::null_mut();
    // SAFETY: As the caller promises.
    unsafe { head.write(callback_head { next, func }) };
    // SAFETY: As the caller promises.
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
    // SAFETY: As the caller promises.
    let domain = unsafe { domain(ssp) };
    let state = domain.state();
    let queued = state.queued;
    drop(domain.wait_while(state, |state| state.called < queued));
}

/// The cookie of a grace period that somebody else has to start.
///
/// # Safety
///
/// `ssp` is initialised.
pub unsafe fn get_state_synchronize_srcu(ssp: *mut srcu_struct) -> c_ulong {
    // SAFETY: As the caller promises.
    unsafe { domain(ssp) }.state().next_cookie()
}

/// Starts a grace period and returns its cookie.
///
/// # Safety
///
/// `ssp` is initialised.
pub unsafe fn start_poll_synchronize_srcu(ssp: *mut srcu_struct) -> c_ulong {
    // SAFETY: As the caller promises.
    let domain = unsafe { domain(ssp) };
    domain.start(&mut domain.state())
}

/// Whether the cookie's grace period has ended.
///
/// # Safety
///
/// `ssp` is initialised, and the cookie is one of it.
pub unsafe fn poll_state_synchronize_srcu(ssp: *mut srcu_struct, cookie: c_ulong) -> bool {
    // SAFETY: As the caller promises.
    unsafe { domain(ssp) }.state().ended >= cookie
}
