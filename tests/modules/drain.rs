// SPDX-License-Identifier: GPL-2.0

//! A module whose init queues thousands of callbacks and may fail after one of its steps. The
//! callbacks run code of this module: if they run after it is unloaded, the kernel crashes.

use super::{rcu, FAILS_AFTER_STEP};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use kernel::prelude::*;
use rcu::{read_lock, Anywhere, Rcu, Reclaim, Retired, Softirq, UniqueRcuBox};

/// Declares a module that runs this test.
macro_rules! drain_test {
    ($name:tt, fails_after_step: $step:expr) => {
        use drain::DrainTest;

        /// The step after which init fails; 0 for none.
        const FAILS_AFTER_STEP: usize = $step;

        rcu::drained_module! {
            type: DrainTest,
            name: $name,
            authors: ["The rust_rcu_demo maintainers"],
            description: "Test of the RCU library: unloading with callbacks in flight",
            license: "GPL",
        }
    };
}
pub(crate) use drain_test;

/// Callbacks of the first step, at init and at exit.
const CALLBACKS: usize = 10_000;
/// Works of each step.
const WORKS: usize = 300;
/// Objects of each step that are freed without a callback.
const FREES: usize = 300;

static QUEUED: AtomicUsize = AtomicUsize::new(0);
static RECLAIMED: AtomicUsize = AtomicUsize::new(0);

/// Whether the module's value was dropped, so that it queues nothing more.
static IS_DROPPED: AtomicBool = AtomicBool::new(false);

struct Counted;

impl Drop for Counted {
    fn drop(&mut self) {
        RECLAIMED.fetch_add(1, Ordering::SeqCst);
        report();
    }
}

impl Reclaim for Counted {
    type Context = Anywhere;
}

struct Plain(#[allow(dead_code, reason = "only its size matters")] [u64; 4]);

impl Reclaim for Plain {
    type Context = Softirq;
}

/// The module's last field.
struct Last(());

impl Drop for Last {
    fn drop(&mut self) {
        IS_DROPPED.store(true, Ordering::SeqCst);
        report();
    }
}

/// Logs that all objects were reclaimed.
fn report() {
    if IS_DROPPED.load(Ordering::SeqCst) && load(&RECLAIMED) == load(&QUEUED) {
        pr_info!("reclaimed {} of {}\n", load(&RECLAIMED), load(&QUEUED));
    }
}

fn load(count: &AtomicUsize) -> usize {
    count.load(Ordering::SeqCst)
}

/// A part of the module that queues callbacks when it is created and when it is dropped.
struct Step {
    callbacks: usize,
}

impl Step {
    fn new(number: usize, callbacks: usize) -> Result<Self> {
        queue(callbacks)?;
        if number == FAILS_AFTER_STEP {
            pr_info!("{} in flight\n", load(&QUEUED) - load(&RECLAIMED));
            return Err(EIO);
        }
        Ok(Self { callbacks })
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        match queue(self.callbacks) {
            Ok(()) => pr_info!("{} in flight\n", load(&QUEUED) - load(&RECLAIMED)),
            Err(_) => pr_err!("no memory\n"),
        }
    }
}

/// Retires objects inside a reader, so that none is reclaimed before this returns.
fn queue(callbacks: usize) -> Result {
    let mut counted = KVVec::with_capacity(callbacks + WORKS, GFP_KERNEL)?;
    for _ in 0..callbacks + WORKS {
        let pointer = Rcu::new(UniqueRcuBox::new(Counted, GFP_KERNEL)?);
        counted.push(pointer.replace(None), GFP_KERNEL)?;
    }
    let mut plain = KVVec::with_capacity(FREES, GFP_KERNEL)?;
    for _ in 0..FREES {
        let pointer = Rcu::new(UniqueRcuBox::new(Plain([0; 4]), GFP_KERNEL)?);
        plain.push(pointer.replace(None), GFP_KERNEL)?;
    }
    let _reader = read_lock();
    plain.into_iter().flatten().for_each(Retired::kvfree_rcu);
    for (number, counted) in counted.into_iter().flatten().enumerate() {
        QUEUED.fetch_add(1, Ordering::Relaxed);
        if number < callbacks {
            counted.call_rcu();
        } else {
            counted.queue_work();
        }
    }
    Ok(())
}

#[pin_data]
pub(crate) struct DrainTest {
    _third: Step,
    _second: Step,
    _first: Step,
    _last: Last,
}

impl kernel::InPlaceModule for DrainTest {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _last: Last(()),
            _first: Step::new(1, CALLBACKS)?,
            _second: Step::new(2, 0)?,
            _third: Step::new(3, 0)?,
        })
    }
}
