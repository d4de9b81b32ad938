// SPDX-License-Identifier: GPL-2.0

//! A read-mostly IP route table: longest-prefix match for IPv4 and IPv6.
//!
//! A reader holds a [`Guard`] and calls [`Table::lookup`] or [`Table::next_hop`]; it never waits,
//! writes or allocates. An updater holds one mutex, allocates everything before it changes
//! anything, and publishes with one store. A reader sees the table before the change or after it:
//!
//! ```text
//!              find              build a node           publish              retire
//!   update ──► walk down ──────► can fail; nothing ───► one store into ────► the replaced node,
//!              under the mutex   has changed            its parent's link    as `ReclaimMode` says
//! ```
//!
//! A [`Transaction`] copies the nodes on the path to each change, up to the roots, and publishes
//! the new roots with one store. A [`Reload`] builds a separate new table and publishes its
//! roots likewise. Lookups in one [`Snapshot`] see a transaction or a reload completely or not at
//! all.
//!
//! ```text
//!   Table ──► Roots ──► IPv4 root ──► nodes; each decides one byte of the address
//!     │           └───► IPv6 root ──► nodes; chains without routes are skipped
//!     └─────► next hops by number
//! ```
//!
//! Routes are keyed by prefix and metric, as in Linux: the lowest metric serves, and deleting that
//! route reveals the next one. All `unsafe` code is in `rcu_table/node`.
//!
//! Torture gives a table a [`Quarantine`], which poisons nodes before it frees them, and checks the
//! nodes on each [`LookupPath`].

mod dump;
mod lookup;
mod lookup_path;
mod next_hop;
mod next_hops;
#[expect(unsafe_code, reason = "nodes have variable length")]
mod node;
mod prefix;
mod quarantine;
mod reclaim;
mod reload;
mod route;
mod settings;
mod stats;
mod table;
mod transaction;
mod trie;
mod update;

pub use crate::rcu::{read_lock, Guard};
pub use dump::{Key, Selector};
pub use lookup::Snapshot;
pub use lookup_path::LookupPath;
pub use next_hop::{DevName, NextHop};
pub use next_hops::NextHopRef;
pub use prefix::{Family, Prefix, PrefixError};
pub use quarantine::{Quarantine, QuarantinedNode, UnlinkedNode};
pub use reload::Reload;
pub use route::Route;
pub use settings::{ReclaimMode, Settings};
pub use stats::{quarantined_objects, Stats};
pub use table::Table;
pub use transaction::{Failure, Transaction};
pub use update::{Mode, Operation};
