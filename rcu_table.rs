// SPDX-License-Identifier: GPL-2.0

//! A read-mostly IP route table: longest-prefix match for IPv4 and IPv6.
//!
//! A reader holds a [`Guard`] and calls [`Table::lookup`] or [`Table::next_hop`]; it never waits,
//! writes or allocates. Readers walk the [forwarding information base](fib) (FIB). Updaters hold
//! one mutex. They read the routes from the same pages and nodes, so a change takes one walk:
//!
//! ```text
//!   update ──► walk to the level ──► read, change, build ──────► publish ──► retire
//!              under the mutex       can fail; then readers      one store   what was replaced, as
//!                                    and updaters see nothing    an address  `ReclaimMode` says
//! ```
//!
//! A single change replaces words of the published FIB; each address depends on one of them. A
//! [`Transaction`] copies the pages and nodes on the path to each change, and publishes new roots
//! with one store. A [`Reload`] builds a whole new FIB and publishes it in the same way.
//! Lookups in one [`Snapshot`] see a transaction or a reload completely or not at all.
//!
//! Routes are keyed by prefix and metric, as in Linux: the lowest metric serves, and deleting that
//! route reveals the next one. All `unsafe` code is in `rcu_table/fib`.
//!
//! A route can name a next-hop object, or have several next hops with weights. Then a lookup
//! dereferences one more RCU-protected pointer. One store replaces its target.
//!
//! Torture gives a table a [`Quarantine`], which poisons nodes before it frees them, and checks the
//! nodes on each [`LookupPath`].

mod answers;
mod dump;
mod exact;
#[expect(unsafe_code, reason = "nodes have variable length")]
mod fib;
mod hop_index;
mod hop_kept;
mod hop_multipath;
mod hop_objects;
mod hop_update;
mod lookup;
mod lookup_path;
mod monitor;
mod next_hop;
mod prefix;
mod quarantine;
mod reclaim;
mod reload;
mod route;
mod segments;
mod settings;
mod stats;
mod table;
mod transaction;
mod update;
mod walk;

pub use crate::rcu::{read_lock, Guard};
pub use dump::{DumpPiece, Key, Selector};
pub use hop_multipath::{Multipath, RouteLeg};
pub use hop_objects::flow_hash;
pub use hop_update::{HopError, HopObject, Member};
pub use lookup::{BulkAddress, NextHopRef, Snapshot};
pub use lookup_path::LookupPath;
pub use monitor::{Change, Event, Follower, Log, Monitor, Watch, MAX_FOLLOWERS};
pub use next_hop::{DevName, HopId, NextHop, MAX_LEGS};
pub use prefix::{Family, Prefix, PrefixError};
pub use quarantine::{Quarantine, QuarantinedBatch, UnlinkedNode};
pub use reload::Reload;
pub use route::{ObjectRoute, Route};
pub use segments::Segments;
pub use settings::{ReclaimMode, Settings};
pub use stats::{quarantined_objects, Stats};
pub use table::Table;
pub use transaction::{Failure, Transaction};
pub use update::{Mode, Operation};
