// SPDX-License-Identifier: GPL-2.0

//! Helpers that tests share: routes and commands in the device's syntax, an oracle, whole dumps,
//! random numbers, and readers that block grace periods.

mod churned;
mod drops;
mod flavours;
mod held_reader;
mod numbered_table;
mod oracle;
mod pages;
mod random;
mod stop_flag;
mod wait;

pub use churned::{Checksum, Role};
pub use drops::{Counted, Drops};
pub use flavours::in_each_flavour;
pub use held_reader::HeldReader;
pub use numbered_table::NumberedTable;
pub use oracle::Oracle;
pub use pages::assert_page_shows;
pub use random::Random;
pub use stop_flag::{StopFlag, StopOnDrop};
pub use wait::{
    drain_callbacks, panic_message, run_alone, stopped_count, wait_until, SETTLE_TIME, TIMEOUT,
};

use crate::{
    rcu_table::{
        read_lock, Follower, Key, Operation, Prefix, Route, Selector, Settings, Stats, Table,
    },
    ParseError, PollQueue,
};
use core::{net::IpAddr, str::FromStr};
use kernel::{prelude::*, sync::Arc};

/// Creates an empty table.
pub fn table() -> Arc<Table> {
    Arc::pin_init(Table::new(), GFP_KERNEL).expect("memory for an empty table")
}

/// Creates an empty table with settings.
pub fn table_with_settings(settings: &'static Settings) -> Arc<Table> {
    Arc::pin_init(Table::with_settings(settings), GFP_KERNEL).expect("memory for an empty table")
}

/// Starts to follow the changes of a table. No file polls it.
pub fn follow(table: &Arc<Table>, limit: usize) -> Result<Follower> {
    Follower::new(table.clone(), limit, Arc::new(PollQueue, GFP_KERNEL)?)
}

/// Parses an address.
pub fn address(text: &str) -> IpAddr {
    text.parse()
        .unwrap_or_else(|_| panic!("{text} is not an address"))
}

/// Parses a prefix.
pub fn prefix(text: &str) -> Prefix {
    parse(text)
}

/// Parses a route as the device accepts it.
pub fn route(text: &str) -> Route {
    parse(text)
}

/// Parses a change as the device accepts it.
pub fn operation(line: &str) -> Operation {
    parse(line)
}

fn parse<T: FromStr<Err = ParseError>>(text: &str) -> T {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Applies a change in the device's syntax.
pub fn run(table: &Table, line: &str) -> Result {
    operation(line).apply(table)
}

/// Returns the route that serves an address as text, or `none`.
pub fn get(table: &Table, text: &str) -> String {
    table
        .lookup(address(text), &read_lock())
        .map_or("none".into(), |route| route.to_string())
}

/// Dumps all selected routes, in pieces of at most `capacity` routes.
pub fn dump(table: &Table, selector: Selector, capacity: usize) -> Vec<Route> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let mut piece = KVec::with_capacity(capacity, GFP_KERNEL).expect("memory for a piece");
        table.dump(selector, after, &mut piece).unwrap();
        all.extend_from_slice(&piece);
        if piece.len() < capacity {
            return all;
        }
        let last = piece.last().map(Key::from);
        assert!(last > after, "the dump repeats keys");
        after = last;
    }
}

/// Returns all routes as text.
pub fn show(table: &Table) -> Vec<String> {
    let routes = dump(table, Selector::All, 128);
    routes.iter().map(Route::to_string).collect()
}

/// Returns the statistics that depend on this table's contents alone. Memory of next hops is freed
/// some time after the last next hop, and reclaim depends on readers.
pub fn own_stats(table: &Table) -> Stats {
    Stats {
        next_hop_bytes: 0,
        retired_objects: 0,
        retired_bytes: 0,
        reclaimed_objects: 0,
        ..table.stats().unwrap()
    }
}
