// SPDX-License-Identifier: GPL-2.0

//! Calls each waiting function inside a reader: each logs an error with its name, and blocks its
//! thread for ever, so that a reader never uses a reference after it has waited.
//!
//! A real reader would stall grace periods. So all readers but one exist for lockdep only. The last
//! one holds a spin lock, which the kernel lets go when the thread blocks. The module cannot be
//! unloaded.

#![deny(unsafe_code)]

#[path = "../../kernel_ext"]
/// Threads.
pub mod kernel_ext {
    pub mod cpu;
    pub mod kthread;
}
#[path = "../.."]
mod project {
    pub mod rcu;
}
pub use project::rcu;

use core::{
    mem, ptr,
    sync::atomic::{AtomicUsize, Ordering},
};
use kernel::{
    bindings, new_mutex, new_spinlock,
    prelude::*,
    time::{delay::fsleep, Delta},
};
use kernel_ext::kthread::{Attributes, Kthread};
use rcu::{
    CallbackDrain, FullGracePeriod, GracePeriod, Headless, Reclaim, Retired, Softirq, SrcuPointer,
    UniqueRcuBox, UpdaterLock,
};

rcu::drained_module! {
    type: WaitInReader,
    drains: [kernel_ext::kthread],
    name: "wait_in_reader",
    authors: ["The rust_rcu_demo maintainers"],
    description: "Test of the RCU library: waiting inside a reader",
    license: "GPL",
}

/// The number of threads that make a call.
static CALLS: AtomicUsize = AtomicUsize::new(0);

/// The number of calls that have returned.
static RETURNED: AtomicUsize = AtomicUsize::new(0);

struct Object;

impl Reclaim for Object {
    type Context = Softirq;
}

struct HeadlessObject {
    _memory: usize,
}

impl Reclaim for HeadlessObject {
    type Context = Headless;
}

fn headless() -> Result<Retired<HeadlessObject>> {
    Ok(UniqueRcuBox::new(HeadlessObject { _memory: 1 }, GFP_KERNEL)?.retire())
}

fn retired() -> Result<Retired<Object>> {
    Ok(UniqueRcuBox::new(Object, GFP_KERNEL)?.retire())
}

/// Calls that wait for readers, inside readers of RCU.
fn calls_that_wait() -> Result {
    let cookie = GracePeriod::completed();
    let full = FullGracePeriod::completed();
    let (one, two, three) = (retired()?, retired()?, retired()?.start_poll());
    as_reader(rcu::synchronize)?;
    as_reader(rcu::synchronize_expedited)?;
    as_reader(move || cookie.wait())?;
    as_reader(move || cookie.wait_expedited())?;
    as_reader(move || full.wait())?;
    as_reader(move || drop(one.synchronize()))?;
    as_reader(move || drop(two.synchronize_expedited()))?;
    as_reader(move || drop(three.wait()))?;
    let (four, five) = (headless()?, headless()?);
    as_reader(move || four.kvfree_rcu_mightsleep())?;
    as_reader(move || drop(five))?;
    as_reader(rcu::barrier)?;
    let pointer = KBox::pin_init(
        SrcuPointer::<Object>::new(None, rcu::new_srcu!("wait_in_reader")),
        GFP_KERNEL,
    )?;
    as_reader(move || pointer.domain().synchronize())?;
    Ok(())
}

/// Calls that wait or sleep, inside readers of RCU-sched: a context switch ends their section.
fn calls_that_sleep() -> Result {
    let lock = KBox::pin_init(
        UpdaterLock::new((), new_mutex!((), "wait_in_reader")),
        GFP_KERNEL,
    )?;
    as_sched_reader(rcu::synchronize)?;
    as_sched_reader(move || drop(lock.lock()))?;
    as_sched_reader(|| drop(CallbackDrain::new()))?;
    as_sched_reader(|| drop(KBox::pin_init(rcu::new_srcu!("wait_in_reader"), GFP_KERNEL)))?;
    let spin_lock = KBox::pin_init(new_spinlock!(()), GFP_KERNEL)?;
    spawn(move || {
        let _held = spin_lock.lock();
        rcu::synchronize();
    })
}

struct WaitInReader;

impl kernel::Module for WaitInReader {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        calls_that_wait()?;
        calls_that_sleep()?;
        fsleep(Delta::from_millis(500));
        pr_info!("{} calls have begun\n", CALLS.load(Ordering::Relaxed));
        pr_info!("{} calls have returned\n", RETURNED.load(Ordering::Relaxed));
        Ok(Self)
    }
}

/// Runs `call` in a thread that lockdep believes to be a reader of RCU.
fn as_reader(call: impl FnOnce() + Send + 'static) -> Result {
    spawn(move || inside(ptr::addr_of_mut!(bindings::rcu_lock_map), call))
}

/// Runs `call` in a thread that lockdep believes to be a reader of RCU-sched.
fn as_sched_reader(call: impl FnOnce() + Send + 'static) -> Result {
    spawn(move || inside(ptr::addr_of_mut!(bindings::rcu_sched_lock_map), call))
}

/// Runs `call` between the acquisition and the release of one of RCU's static maps.
#[expect(unsafe_code, reason = "changes lockdep's records")]
fn inside(map: *mut bindings::lockdep_map, call: impl FnOnce()) {
    // SAFETY: The map is one of RCU's static maps. The arguments are those of `rcu_read_lock()`,
    // and `lock_release()` follows.
    unsafe { bindings::lock_acquire(map, 0, 0, 2, 0, ptr::null_mut(), 0) };
    call();
    // SAFETY: `lock_acquire()` has acquired the map in this function.
    unsafe { bindings::lock_release(map, 0) };
}

/// Makes `call` in a thread, and counts its return.
fn spawn(call: impl FnOnce() + Send + 'static) -> Result {
    let thread = Kthread::spawn(c"wait_in_reader", Attributes::default(), move || {
        call();
        RETURNED.fetch_add(1, Ordering::Relaxed);
    })?;
    CALLS.fetch_add(1, Ordering::Relaxed);
    mem::forget(thread);
    Ok(())
}
