// SPDX-License-Identifier: GPL-2.0

//! The primitives that can guard readers: RCU, and its alternatives.
//!
//! They come from the kernel crate where it has them, as in any Rust driver. Functions that are
//! inline in C are calls there. So a section of RCU, the spin lock, the mutex or the counter costs
//! two calls more than in C, some nanoseconds. `rwlock_t` and the semaphore are functions in C too,
//! and are called directly. RCU is therefore at a disadvantage in this comparison.
//!
//! All readers share each primitive. No thread writes.

use super::raw::{RwLock, RwSemaphore};
use crate::{
    kernel_ext::params::choices,
    rcu::{new_srcu, read_lock, Srcu},
};
use core::{
    hint::{self, black_box},
    sync::atomic::{fence, AtomicU32, Ordering},
};
use kernel::{
    new_mutex, new_spinlock,
    prelude::*,
    static_lock_class,
    sync::{Mutex, Refcount, SpinLock},
};

choices! {
    /// A primitive that guards readers. RCU is first: the others are compared with it.
    pub(super) enum Primitive {
        Rcu = "rcu",
        /// No guard: the loop and its clock.
        Nothing = "nothing",
        Srcu = "srcu",
        Seqlock = "seqlock",
        Refcount = "refcount",
        Rwlock = "rwlock",
        Rwsem = "rwsem",
        Spinlock = "spinlock",
        Mutex = "mutex",
    }
}

impl Primitive {
    /// Returns whether this kernel has it.
    pub(super) const fn is_available(self) -> bool {
        !matches!(self, Self::Rwlock) || RwLock::IS_AVAILABLE
    }
}

/// One instance of each primitive.
#[pin_data]
pub(super) struct Primitives {
    #[pin]
    srcu: Srcu,
    sequence: Sequence,
    count: Refcount,
    #[pin]
    rwlock: RwLock,
    #[pin]
    semaphore: RwSemaphore,
    #[pin]
    spinlock: SpinLock<()>,
    #[pin]
    mutex: Mutex<()>,
}

impl Primitives {
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            srcu <- new_srcu!("scale"),
            sequence: Sequence(AtomicU32::new(0)),
            count: Refcount::new(1),
            rwlock <- RwLock::new(static_lock_class!()),
            semaphore <- RwSemaphore::new(static_lock_class!()),
            spinlock <- new_spinlock!((), "scale_spinlock"),
            mutex <- new_mutex!((), "scale_mutex"),
        })
    }

    /// Runs empty read-side critical sections.
    ///
    /// Context: may sleep.
    pub(super) fn run_sections(&self, primitive: Primitive, sections: usize) {
        match primitive {
            Primitive::Nothing => repeat(sections, || {}),
            Primitive::Rcu => repeat(sections, || hold(read_lock())),
            Primitive::Srcu => repeat(sections, || hold(self.srcu.read_lock())),
            Primitive::Seqlock => repeat(sections, || self.sequence.read_section()),
            Primitive::Refcount => repeat(sections, || {
                self.count.inc();
                black_box(());
                self.count.dec();
            }),
            Primitive::Rwlock => repeat(sections, || self.rwlock.read_section()),
            Primitive::Rwsem => repeat(sections, || self.semaphore.read_section()),
            Primitive::Spinlock => repeat(sections, || hold(self.spinlock.lock())),
            Primitive::Mutex => repeat(sections, || hold(self.mutex.lock())),
        }
    }
}

#[inline(always)]
fn repeat(times: usize, section: impl Fn()) {
    for _ in 0..times {
        section();
        // Keeps the compiler from removing the loop, as C's `barrier()` does.
        black_box(());
    }
}

/// Runs the empty section of `guard`.
#[inline(always)]
fn hold<G>(guard: G) {
    black_box(());
    drop(guard);
}

/// The read side of C's `seqcount_t`, which is inline in C: the same loads in the same order.
struct Sequence(AtomicU32);

impl Sequence {
    /// Runs an empty section, as `read_seqbegin()` and `read_seqretry()` do.
    #[inline]
    fn read_section(&self) {
        loop {
            // ORDERING: Acquire: the section's reads come after this load.
            let before = self.0.load(Ordering::Acquire);
            if before % 2 == 0 {
                black_box(());
                // ORDERING: Acquire: the section's reads come before the second load.
                fence(Ordering::Acquire);
                if self.0.load(Ordering::Relaxed) == before {
                    return;
                }
            }
            hint::spin_loop();
        }
    }
}
