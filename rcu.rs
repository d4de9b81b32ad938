// SPDX-License-Identifier: GPL-2.0

//! Safe read-copy update.
//!
//! The life of an RCU-protected object, with the type that it has at each stage:
//!
//! ```text
//!   UniqueRcuBox<T> ─publish─► Rcu<T> ─unpublish─► Retired<T> ─grace period─► reclaimed
//!   owned, &mut                readers: &T         no new readers,            memory free,
//!   no reader                  under a Guard       old ones may remain        or a UniqueRcuBox
//! ```
//!
//! - A reader holds a [`Guard`] and calls [`Rcu::dereference`], whose result cannot outlive the
//!   guard. A reader never waits, writes or allocates.
//! - An updater builds a [`UniqueRcuBox`] and publishes it with [`Rcu::replace`], which returns the
//!   previous object as a [`Retired`]. The updater then waits for a grace period and owns the
//!   object again, or leaves it to be reclaimed.
//! - A module is declared by `drained_module!` in place of `module!`, so that its code remains loaded
//!   until its last callback has run.
//!
//! | need | type or function |
//! |---|---|
//! | one pointer that anyone may replace | [`Rcu`] |
//! | structures that one updater at a time changes | [`UpdaterLock`] with [`Rcu<T, Locked<S>>`](Rcu), [`List`], [`HashTable`], [`ResizableTable`] |
//! | objects in the kernel crate's `XArray` | [`RcuBox`], [`xa_load`] |
//! | an object that the reader keeps | `Rcu<Arc<T>>`, see [`Reclaim`] |
//! | an object whose own spin lock the reader acquires | [`find_and_lock`] |
//! | readers that sleep | [`SrcuPointer`]; several structures: [`SrcuLock`], [`Srcu`] |
//! | readers that cannot leak their guard | [`read`] |
//! | objects that end in an array | [`Flexible`] |
//! | objects without an `rcu_head` | [`Headless`] |
//! | grace periods without an object | [`synchronize`], [`GracePeriod`], [`FullGracePeriod`] |
//!
//! `docs/safety.md` lists the rules that types enforce, the rules that are checked at run time, and
//! the holes that remain.
//!
//! C header: [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h)

mod boxed;
mod chain;
mod cleared;
mod compat;
mod context;
mod counted;
mod domain;
mod drain;
#[cfg(MODULE)]
mod drained;
mod find_and_lock;
mod flexible;
mod grace_period;
mod hash_table;
mod len;
mod list;
mod lock;
mod new_entry;
mod not_copy;
mod object;
mod pointer;
mod polled;
mod published;
mod rcu_box;
mod reader;
mod reclaim;
mod resizable_table;
mod retired;
mod seed;
mod srcu;
mod srcu_pointer;
mod srcu_state;
mod unlocked;
mod updater;
mod work;
mod xarray;

pub use boxed::UniqueRcuBox;
pub use chain::{Entry, Iter};
pub use cleared::Cleared;
pub use domain::{Domain, DomainKind, Global};
pub use drain::CallbackDrain;
#[cfg(MODULE)]
pub use drained::{drained_module, Drain, Drained, DrainedModule};
pub use find_and_lock::{find_and_lock, LockedObject, Search};
pub use flexible::Flexible;
pub use grace_period::{barrier, synchronize, synchronize_expedited, FullGracePeriod, GracePeriod};
pub use hash_table::{HashTable, Keyed};
pub use kernel::sync::rcu::{read_lock, Guard};
pub use list::{CursorMut, List};
pub use lock::{ExclusiveLock, SpinningLock};
pub use new_entry::NewEntry;
pub use object::KernelAllocator;
pub use pointer::{Exchange, Rcu};
pub use polled::Polled;
pub use rcu_box::RcuBox;
pub use reader::{read, Overlap, ReadSide, Section};
pub use reclaim::{
    Anywhere, Context, Headless, InSoftirq, InWorkqueue, Reclaim, Softirq, Workqueue,
};
pub use resizable_table::{NewBuckets, ResizableEntry, ResizableTable};
pub use retired::Retired;
pub use seed::random_seed;
pub use srcu::{new_srcu, Srcu, SrcuGracePeriod, SrcuGuard};
pub use srcu_pointer::{SrcuPointer, SrcuReader};
pub use srcu_state::{SrcuLock, SrcuState, SrcuView};
pub use updater::{Locked, UpdateSide, UpdatedUnder, Updater, UpdaterLock};
pub use xarray::xa_load;
