// SPDX-License-Identifier: GPL-2.0

//! A read-mostly IP route table: longest-prefix match for IPv4 and IPv6.
//!
//! Readers take a [`Guard`] and call [`Table::lookup`]; they never wait, write or allocate. Updaters
//! hold one mutex, allocate everything they need before they change anything, and publish a change
//! with one store, so that a reader sees the table before it or after it:
//!
//! ```text
//!                 plan                 allocate                publish             retire
//!   update ──► walk, under a ──► may fail: nothing ──► one store, under ──► the replaced part goes
//!              guard             has changed           a guard              by call_rcu()
//! ```
//!
//! The table stands on safe [`rcu`](crate::rcu) alone and holds no `unsafe` of its own. Routes are
//! keyed by prefix and metric, as in Linux: the lowest metric serves, deleting it reveals the next.

mod dump;
mod next_hop;
mod node;
mod prefix;
mod route;
mod stats;
mod table;
mod trie;

pub use crate::rcu::{read_lock, Guard};
pub use dump::{Key, Selector};
pub use next_hop::{DevName, NextHop};
pub use prefix::{Family, Prefix, PrefixError};
pub use route::Route;
pub use stats::Stats;
pub use table::{Mode, Table};
