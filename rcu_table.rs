// SPDX-License-Identifier: GPL-2.0

//! A read-mostly IP route table: longest-prefix match for IPv4 and IPv6.
//!
//! Readers take a [`Guard`] and call [`Table::lookup`] or [`Table::next_hop`]; they never wait, write or
//! allocate. Updaters hold one mutex, allocate everything they need before they change anything, and
//! publish a change with one store, so that a reader sees the table before it or after it:
//!
//! ```text
//!                 find                build a node           publish            retire
//!   update ──► walk down, under ──► may fail: nothing ──► one store into ──► the replaced node goes
//!              the mutex            has changed           its parent's       as `ReclaimMode` says
//!                                                         pointer
//! ```
//!
//! A [`Transaction`] copies the nodes on the way to each of its changes, up to the roots, and publishes
//! the new roots with one store; a [`Reload`] builds a whole new table aside and does the same. Who looks
//! through a [`Snapshot`] sees either whole or not at all.
//!
//! ```text
//!   Table ──► Roots ──► IPv4 root ──► nodes, a byte of the address each
//!     │           └───► IPv6 root ──► nodes, chains without routes left out
//!     └─────► next hops by number
//! ```
//!
//! Routes are keyed by prefix and metric, as in Linux: the lowest metric serves, deleting it reveals the
//! next. What is `unsafe` is in `rcu_table/node`.
//!
//! Torture gives a table a [`Quarantine`], which poisons nodes before it frees them, and looks for poisoned
//! nodes on the paths of its lookups ([`LookupPath`]).

mod dump;
mod lookup_path;
mod next_hop;
mod next_hops;
mod node;
mod prefix;
mod quarantine;
mod reclaim;
mod route;
mod settings;
mod stats;
mod table;
mod transaction;
mod trie;
mod update;

pub use crate::rcu::{read_lock, Guard};
pub use dump::{Key, Selector};
pub use lookup_path::LookupPath;
pub use next_hop::{DevName, NextHop};
pub use next_hops::NextHopRef;
pub use prefix::{Family, Prefix, PrefixError};
pub use quarantine::{Quarantine, QuarantinedNode, UnlinkedNode};
pub use route::Route;
pub use settings::{ReclaimMode, Settings};
pub use stats::{quarantined_objects, Stats};
pub use table::{Mode, Snapshot, Table};
pub use transaction::{Failure, Operation, Reload, Transaction};
