// SPDX-License-Identifier: GPL-2.0

//! A flush needs no memory, and leaves the other family as it is, with routes that no value shows.
//! In a transaction it frees at once what the transaction has built.

use kernel::alloc::failslab;
use rcu_routes::{
    rcu_table::{Family, Table, Transaction},
    testing::{operation, run, show, table},
};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Routes of both families with several metrics, and with prefixes that longer ones cover.
const ROUTES: [&str; 12] = [
    "0.0.0.0/0 dev a",
    "0.0.0.0/0 dev b metric 5",
    "10.0.0.0/15 dev a",
    "10.0.0.0/16 dev b",
    "10.1.0.0/16 dev c",
    "10.1.2.3/32 dev d",
    "::/0 dev a",
    "::/0 dev b metric 5",
    "2000::/15 dev a",
    "2000::/16 dev b",
    "2001::/16 dev c",
    "2001:db8::1/128 dev d",
];

/// Flushes while the next allocation fails.
fn flush_without_memory(table: &Table, family: Option<Family>) {
    let injection = failslab::fail_nth(1);
    assert_eq!(table.flush(family), Ok(()), "{family:?}");
    assert!(!injection.has_fired(), "a flush of {family:?} allocates");
}

#[test]
fn a_flush_without_memory_removes_one_family_and_keeps_the_other() {
    let (inet, inet6) = ROUTES.split_at(6);
    for (family, flushed, kept) in [(Family::Inet, inet, inet6), (Family::Inet6, inet6, inet)] {
        let table = table();
        for line in ROUTES {
            run(&table, &format!("add {line}")).unwrap();
        }
        let all = show(&table);
        flush_without_memory(&table, Some(family));
        let left = show(&table);
        assert_eq!(left.len(), kept.len(), "{left:?}");
        assert!(left.iter().all(|route| all.contains(route)), "{left:?}");
        for line in flushed {
            run(&table, &format!("add {line}")).unwrap();
        }
        assert_eq!(show(&table), all);
        flush_without_memory(&table, None);
        assert!(show(&table).is_empty());
    }
}

/// A flush in a transaction frees what the transaction has built, and costs only that. So
/// many flushes do not exhaust memory.
#[test]
fn a_transaction_of_many_flushes_needs_the_memory_of_one() {
    const ROUNDS: usize = 60_000;
    let table = table();
    let mut transaction = Transaction::new();
    let flush = operation("flush");
    for round in 0..ROUNDS {
        // No gateway has the address 0.
        let host = 1 + round as u32;
        let (v4, v6) = (Ipv4Addr::from_bits(host), Ipv6Addr::from_bits(host.into()));
        for line in [
            format!("add {v4}/32 via {v4}"),
            format!("add {v6}/128 via {v6}"),
        ] {
            transaction.push(operation(&line)).unwrap();
        }
        transaction.push(flush).unwrap();
    }
    transaction.push(operation("add 10.0.0.0/8 dev a")).unwrap();
    transaction.commit(&table).unwrap();
    let stats = table.stats().unwrap();
    assert_eq!((stats.routes_inet, stats.routes_inet6), (1, 0));
    // Each round uses two next hops. Their numbers are used again, because no reader has seen them.
    assert!(stats.next_hop_bytes < 16 << 10, "{stats:?}");
}

/// Commits the lines. Returns how much the generation has grown.
fn generations(table: &Table, lines: &[&str]) -> u64 {
    let before = table.generation();
    let mut transaction = Transaction::new();
    for line in lines {
        transaction.push(operation(line)).unwrap();
    }
    transaction.commit(table).unwrap();
    table.generation() - before
}

#[test]
fn a_flush_of_an_empty_family_in_a_transaction_is_no_change() {
    let table = table();
    assert_eq!(
        generations(&table, &["flush", "flush inet", "flush inet6"]),
        0
    );
    // The transaction itself has added what it flushes.
    assert_eq!(
        generations(&table, &["add 10.0.0.0/8 dev a", "flush inet"]),
        0
    );
    assert_eq!(table.stats().unwrap().next_hops, 0);
    run(&table, "add 10.0.0.0/8 dev a").unwrap();
    assert_eq!(generations(&table, &["add ::/0 dev a", "flush inet6"]), 0);
    assert_eq!(
        generations(&table, &["flush inet6", "add 11.0.0.0/8 dev a"]),
        1
    );
    assert_eq!(show(&table), ["10.0.0.0/8 dev a", "11.0.0.0/8 dev a"]);
    let lines = ["add ::/0 dev a", "flush", "add ::/0 dev b", "flush inet6"];
    assert_eq!(generations(&table, &lines), 1);
    assert_eq!((show(&table).len(), table.stats().unwrap().objects), (0, 0));
    // A batch that keeps the changes before a failure counts flushes likewise.
    let before = table.generation();
    table.apply(&[operation("flush"); 8]).unwrap();
    assert_eq!(table.generation(), before);
}
