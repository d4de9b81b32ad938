// SPDX-License-Identifier: GPL-2.0

//! What readers can be guarded by: RCU, and what it is compared with.
//!
//! What the kernel crate has is used from there, as any driver in Rust does. Its functions that are inline in C are
//! then calls, of which each does what C's would: RCU, the spin lock, the mutex and the counter cost one call more
//! for each half of a section than in C, some nanoseconds together. `rwlock_t` and the semaphore are functions in
//! C too, and are called as C calls them. So RCU is the one that is put at a disadvantage.
//!
//! All of them are shared by all readers, and nobody writes.

use super::raw::{RwLock, RwSemaphore};
use crate::rcu::{new_srcu, read_lock, Srcu};
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

/// A way to guard readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Primitive {
    /// None at all: the loop and its clock.
    Nothing,
    Rcu,
    Srcu,
    Seqlock,
    Refcount,
    Rwlock,
    Rwsem,
    Spinlock,
    Mutex,
}

impl Primitive {
    /// All of them; RCU first, which others are compared with.
    pub(super) const ALL: [Self; 9] = [
        Self::Rcu,
        Self::Nothing,
        Self::Srcu,
        Self::Seqlock,
        Self::Refcount,
        Self::Rwlock,
        Self::Rwsem,
        Self::Spinlock,
        Self::Mutex,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Rcu => "rcu",
            Self::Srcu => "srcu",
            Self::Seqlock => "seqlock",
            Self::Refcount => "refcount",
            Self::Rwlock => "rwlock",
            Self::Rwsem => "rwsem",
            Self::Spinlock => "spinlock",
            Self::Mutex => "mutex",
        }
    }

    /// Whether this kernel has it.
    pub(super) const fn is_there(self) -> bool {
        !matches!(self, Self::Rwlock) || RwLock::IS_THERE
    }
}

/// One of each.
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

    /// So many empty read-side critical sections.
    ///
    /// Context: may sleep.
    pub(super) fn sections(&self, primitive: Primitive, sections: usize) {
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
        // Else the compiler sees that nothing happens. C's `barrier()`.
        black_box(());
    }
}

/// The section that `guard` guards.
#[inline(always)]
fn hold<G>(guard: G) {
    black_box(());
    drop(guard);
}

/// The read side of C's `seqcount_t`, which is inline there: the same loads in the same order, written again.
struct Sequence(AtomicU32);

impl Sequence {
    /// C's `read_seqbegin()` and `read_seqretry()`.
    #[inline]
    fn read_section(&self) {
        loop {
            // ORDERING: Acquire: what is read in the section is read after it.
            let before = self.0.load(Ordering::Acquire);
            if before % 2 == 0 {
                black_box(());
                // ORDERING: Acquire: what is read in the section is read before the second look.
                fence(Ordering::Acquire);
                if self.0.load(Ordering::Relaxed) == before {
                    return;
                }
            }
            hint::spin_loop();
        }
    }
}
