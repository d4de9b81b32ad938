// SPDX-License-Identifier: GPL-2.0

//! Safe read-copy update.
//!
//! The life of an RCU-protected object, and the type that carries it at each stage:
//!
//! ```text
//!   RcuBox<T>  ──publish──►  Rcu<T>  ──unpublish──►  Retired<T>  ──grace period──►  reclaimed
//!   owned, &mut              readers: &T             no new readers,                memory free,
//!   no reader                under a Guard           old ones may remain            or an RcuBox again
//! ```
//!
//! - Readers take a [`Guard`] and call [`Rcu::dereference`]; the reference they get cannot outlive the
//!   guard. A reader never waits, writes or allocates.
//! - Updaters build an [`RcuBox`], publish it with [`Rcu::replace`] and get back what was published
//!   before as a [`Retired`], which ends in exactly one way: wait for a grace period and have the
//!   object back, or leave it to be reclaimed after one.
//! - A module that hands objects to `call_rcu()` keeps a [`CallbackDrain`] as its last field.
//!
//! | for | there is |
//! |---|---|
//! | one pointer, replaced whole by whoever comes | [`Rcu`] |
//! | one or more structures that updaters change in turn, each from what it was | [`UpdaterLock`] with [`Rcu<T, Locked<S>>`](Rcu), [`List`], [`HashTable`] |
//! | readers that sleep | [`SrcuPointer`], [`Srcu`] |
//! | readers that must not be able to leak their guard | [`read`] |
//! | objects that end in an array | [`Flexible`] |
//! | grace periods without an object | [`synchronize`], [`GracePeriod`], [`FullGracePeriod`] |
//!
//! What the types prove, what is checked and what nothing stops is in `docs/safety.md`.
//!
//! C header: [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h)

mod boxed;
mod chain;
mod compat;
mod context;
mod drain;
mod flexible;
mod grace_period;
mod hash_table;
mod list;
mod pointer;
mod polled;
mod reader;
mod retired;
mod room;
mod srcu;
mod srcu_pointer;
mod updater;
mod work;

pub use boxed::{Context, RcuBox, Reclaim, Softirq, Workqueue};
pub use chain::{Cleared, Entry, Iter};
pub use drain::CallbackDrain;
pub use flexible::Flexible;
pub use grace_period::{barrier, synchronize, synchronize_expedited, FullGracePeriod, GracePeriod};
pub use hash_table::{HashTable, Keyed};
pub use kernel::sync::rcu::{read_lock, Guard};
pub use list::{CursorMut, List};
pub use pointer::{Exchange, Rcu};
pub use polled::Polled;
pub use reader::{read, Overlap, ReadSide, Section};
pub use retired::Retired;
pub use srcu::{new_srcu, Srcu, SrcuGracePeriod, SrcuGuard};
pub use srcu_pointer::{SrcuPointer, SrcuPolled, SrcuReader, SrcuRetired};
pub use updater::{Locked, UpdateSide, UpdatedUnder, Updater, UpdaterLock};
