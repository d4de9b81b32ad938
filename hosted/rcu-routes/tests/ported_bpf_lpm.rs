// SPDX-License-Identifier: GPL-2.0

//! The cases of the kernel's BPF LPM trie selftests, `tools/testing/selftests/bpf/map_tests/`
//! `lpm_trie_map_basic_ops.c`, `…_batch_ops.c` and `…_get_next_key.c`, ported as tests of
//! behaviour.
//!
//! | upstream | here |
//! |---|---|
//! | `test_lpm_basic` | [`test_lpm_basic`], of the oracle and of the table |
//! | `test_lpm_order` | [`test_lpm_order`], of two oracles and two tables |
//! | `test_lpm_map`, for 1 to 16 bytes | [`test_lpm_map`], up to 4 bytes for IPv4 and 16 for IPv6 |
//! | `test_lpm_ipaddr` | [`test_lpm_ipaddr`] |
//! | `test_lpm_delete` | [`test_lpm_delete`] |
//! | `test_lpm_get_next_key` | [`test_lpm_get_next_key`]: here a prefix precedes the prefixes that it covers, there it follows them; after an absent key the walk resumes here and restarts there |
//! | `test_lpm_multi_thread` | [`test_lpm_multi_thread`] |
//! | `test_lpm_trie_update_flags` | [`test_lpm_trie_update_flags`]; Rust has no invalid flag |
//! | `test_lpm_trie_update_full_map` | [`test_lpm_trie_update_full_map`] |
//! | `test_lpm_trie_iterate_strs` | [`test_lpm_trie_iterate_strs`], [`test_lpm_trie_iterate_strs_full`] |
//! | `test_lpm_trie_iterate_ints` | [`test_lpm_trie_iterate_ints`] |
//! | `test_lpm_trie_map_batch_ops` | [`test_lpm_trie_map_batch_ops`]: a transaction, and a dump in pieces |
//! | `test_lpm_trie_map_get_next_key` | [`test_lpm_trie_map_get_next_key`], with as many threads and fewer rounds |

use core::net::IpAddr;
use kernel::prelude::*;
use rcu_routes::{
    rcu_table::{
        read_lock, Family, Key, Mode, NextHop, Operation, Prefix, Route, Selector, Settings, Table,
        Transaction,
    },
    testing::{address, dump, prefix, NumberedTable, Oracle, Random},
};
use std::thread;

/// The oracle and the table, which get the same changes.
struct Pair {
    oracle: Oracle,
    table: NumberedTable,
}

impl Pair {
    fn new(family: Family) -> Self {
        Self {
            oracle: Oracle::default(),
            table: NumberedTable::new(family),
        }
    }

    fn add(&mut self, prefix: Prefix) {
        let route = Route {
            prefix,
            metric: 0,
            next_hop: NextHop::Blackhole,
        };
        let oracle = self.oracle.apply(&Operation::Insert(route, Mode::Replace));
        let table = self.table.table.insert(&route, Mode::Replace);
        assert_eq!((oracle, table), (Ok(()), Ok(())), "{prefix}");
    }

    fn delete(&mut self, prefix: Prefix) {
        let oracle = self.oracle.apply(&Operation::Remove(prefix, None, None));
        let table = self.table.table.remove(&prefix, None, None);
        assert_eq!((oracle, table), (Ok(()), Ok(())), "{prefix}");
    }

    /// Returns the prefix that serves an address. Asserts that both agree.
    fn lookup(&self, address: IpAddr) -> Option<Prefix> {
        let expected = self.oracle.lookup(address);
        let answer = self.table.table.lookup(address, &read_lock());
        assert_eq!(answer, expected, "{address}");
        answer.map(|route| route.prefix)
    }

    /// Returns all routes. Asserts that both agree.
    fn contents(&self) -> Vec<Route> {
        let contents = dump(&self.table.table, Selector::All, 64);
        assert_eq!(contents, self.oracle.dump(Selector::All));
        contents
    }
}

#[test]
fn test_lpm_basic() {
    let mut pair = Pair::new(Family::Inet);
    assert_eq!(pair.lookup(address("255.0.0.0")), None);

    let one = prefix("255.0.0.0/8");
    pair.add(one);
    for (text, expected) in [
        ("255.0.0.0", Some(one)),
        ("255.255.0.0", Some(one)),
        ("127.0.0.0", None),
        ("254.0.0.0", None),
        ("254.255.255.255", None),
    ] {
        assert_eq!(pair.lookup(address(text)), expected, "{text}");
    }

    let two = prefix("255.255.0.0/16");
    pair.add(two);
    for (text, expected) in [
        ("255.0.0.0", Some(one)),
        ("255.255.0.0", Some(two)),
        ("255.254.0.0", Some(one)),
        ("127.255.0.0", None),
    ] {
        assert_eq!(pair.lookup(address(text)), expected, "{text}");
    }

    pair.delete(two);
    assert_eq!(pair.lookup(address("255.0.0.0")), Some(one));
    assert_eq!(pair.lookup(address("255.255.0.0")), Some(one));
    pair.delete(one);
    assert_eq!(pair.lookup(address("255.0.0.0")), None);
}

#[test]
fn test_lpm_order() {
    let mut random = Random::new(0xf00ba1);
    let two_bytes = |random: &mut Random| (random.wide() >> 112) << 112;
    let (mut one, mut two) = (Pair::new(Family::Inet), Pair::new(Family::Inet));
    let prefixes: Vec<Prefix> = (0..1 << 12)
        .map(|_| {
            let bits = two_bytes(&mut random);
            let len = 1 + random.below(16) as u8;
            one.table.prefix(one.table.top(bits), len)
        })
        .collect();
    for (forward, backward) in prefixes.iter().zip(prefixes.iter().rev()) {
        one.add(*forward);
        two.add(*backward);
    }
    for _ in 0..1 << 8 {
        let address = one.table.top(two_bytes(&mut random));
        assert_eq!(one.lookup(address), two.lookup(address));
    }
    assert_eq!(one.contents(), two.contents());
}

/// Looks up random keys of `bytes` bytes among random routes, before and after half of the routes
/// are deleted.
fn lpm_map(family: Family, bytes: u8, random: &mut Random) {
    let all = 8 * bytes;
    let key = |random: &mut Random| random.wide() & (u128::MAX << (128 - all));
    let mut pair = Pair::new(family);
    for _ in 0..1 << 8 {
        let address = pair.table.top(key(random));
        let len = random.below(usize::from(all) + 1) as u8;
        pair.add(pair.table.prefix(address, len));
    }
    let lookups = |pair: &Pair, random: &mut Random| {
        let answers = (0..1 << 9).map(|_| pair.lookup(pair.table.top(key(random))));
        answers.filter(Option::is_some).count()
    };
    assert_ne!(lookups(&pair, random), 0);

    let mut present = pair.contents();
    random.shuffle(&mut present);
    let (gone, stay) = present.split_at(present.len() / 2);
    for route in gone {
        pair.delete(route.prefix);
    }
    assert_eq!(pair.contents().len(), stay.len());
    lookups(&pair, random);
}

#[test]
fn test_lpm_map() {
    let mut random = Random::new(0xf00ba1);
    for bytes in 1..=4 {
        lpm_map(Family::Inet, bytes, &mut random);
    }
    for bytes in 1..=16 {
        lpm_map(Family::Inet6, bytes, &mut random);
    }
}

/// Returns a table of numbers under prefixes.
fn numbered(family: Family, routes: &[(&str, u8, u32)]) -> NumberedTable {
    let table = NumberedTable::new(family);
    for (text, len, number) in routes {
        table.add(address(text), *len, *number).unwrap();
    }
    table
}

#[test]
fn test_lpm_ipaddr() {
    let ipv4 = numbered(
        Family::Inet,
        &[
            ("192.168.0.0", 16, 1),
            ("192.168.0.0", 24, 2),
            ("192.168.128.0", 24, 3),
            ("192.168.1.0", 24, 5),
            ("192.168.0.0", 23, 4),
        ],
    );
    let ipv6 = numbered(
        Family::Inet6,
        &[("2a00:1450:4001:814::200e", 64, 0xdead_beef)],
    );
    for (table, text, expected) in [
        (&ipv4, "192.168.128.23", Some(3)),
        (&ipv4, "192.168.0.1", Some(2)),
        (&ipv6, "2a00:1450:4001:814::", Some(0xdead_beef)),
        (&ipv6, "2a00:1450:4001:814::1", Some(0xdead_beef)),
        (&ipv4, "10.0.0.1", None),
        (&ipv4, "11.11.11.11", None),
        (&ipv6, "2a00:ffff::", None),
    ] {
        assert_eq!(table.lookup(address(text)), expected, "{text}");
    }
}

/// The initial routes of several cases.
const FOUR: &[(&str, u8, u32)] = &[
    ("192.168.0.0", 16, 1),
    ("192.168.0.0", 24, 2),
    ("192.168.128.0", 24, 3),
    ("192.168.1.0", 24, 4),
];

#[test]
fn test_lpm_delete() {
    let table = numbered(Family::Inet, FOUR);
    assert_eq!(table.lookup(address("10.0.0.1")), None);
    assert_eq!(table.delete(address("192.255.0.0"), 30), Err(ESRCH));
    assert_eq!(table.delete(address("192.255.0.0"), 16), Err(ESRCH));
    assert_eq!(table.lookup(address("192.168.0.1")), Some(2));
    for (deleted, len, asked, expected) in [
        ("192.168.0.0", 24, "192.168.0.1", Some(1)),
        ("192.168.1.0", 24, "192.168.1.1", Some(1)),
        ("192.168.0.0", 16, "192.168.128.1", Some(3)),
        ("192.168.128.0", 24, "192.168.128.1", None),
    ] {
        table.delete(address(deleted), len).unwrap();
        assert_eq!(table.lookup(address(asked)), expected, "{deleted}/{len}");
    }
    assert_eq!(table.contents(), []);
}

/// Returns the prefix that follows another in a dump.
fn next_key(table: &Table, after: Option<Prefix>) -> Option<Prefix> {
    let metric = u32::MAX;
    let after = after.map(|prefix| Key { prefix, metric });
    let mut piece = KVec::with_capacity(1, GFP_KERNEL).unwrap();
    table.dump(Selector::All, after, &mut piece).unwrap();
    piece.first().map(|route| route.prefix)
}

#[test]
fn test_lpm_get_next_key() {
    let table = numbered(Family::Inet, &[]);
    assert_eq!(next_key(&table.table, None), None);
    let mut present = Vec::new();
    for text in [
        "192.168.0.0/16",
        "192.168.128.0/24",
        "192.168.0.0/24",
        "192.168.1.0/24",
        "192.168.1.128/28",
    ] {
        let prefix = prefix(text);
        table.add(prefix.address(), prefix.len(), 0).unwrap();
        present.push(prefix);
        present.sort();
        let mut walk = vec![];
        while let Some(next) = next_key(&table.table, walk.last().copied()) {
            walk.push(next);
        }
        assert_eq!(walk, present, "{text} added");
    }
    // After an absent key the dump resumes at the next key.
    for (absent, expected) in [
        ("192.168.0.0/8", Some("192.168.0.0/16")),
        ("192.168.0.0/22", Some("192.168.0.0/24")),
        ("192.168.1.0/22", Some("192.168.0.0/24")),
        ("192.168.1.64/28", Some("192.168.1.128/28")),
        ("192.168.2.0/24", Some("192.168.128.0/24")),
        ("192.169.0.0/16", None),
    ] {
        let (text, len) = absent.split_once('/').unwrap();
        let absent = table.prefix(address(text), len.parse().unwrap());
        let next = next_key(&table.table, Some(absent));
        assert_eq!(next, expected.map(prefix), "after {absent}");
    }
}

#[test]
fn test_lpm_multi_thread() {
    const ITERATIONS: usize = 2000;
    let table = numbered(Family::Inet, &[]);
    // Iterate forwards in the first half, backwards in the second.
    let for_each_rule = |body: &dyn Fn(Prefix, u32)| {
        for iteration in 0..ITERATIONS {
            for at in 0..FOUR.len() {
                let forwards = iteration < ITERATIONS / 2;
                let at = if forwards { at } else { FOUR.len() - 1 - at };
                let (text, len, number) = FOUR[at];
                body(table.prefix(address(text), len), number);
            }
        }
    };
    let update =
        |prefix: Prefix, number| table.add(prefix.address(), prefix.len(), number).unwrap();
    let delete = |prefix: Prefix, _| {
        let done = table.delete(prefix.address(), prefix.len());
        assert!([Ok(()), Err(ESRCH)].contains(&done), "{done:?}");
    };
    let lookup = |prefix: Prefix, number| {
        let answer = table.lookup(prefix.address());
        assert!([None, Some(1), Some(2), Some(number)].contains(&answer));
    };
    let get_next_key = |prefix: Prefix, _| {
        let next = next_key(&table.table, Some(prefix));
        assert!(next.is_none_or(|next| next > prefix), "{next:?}");
    };
    thread::scope(|scope| {
        scope.spawn(|| for_each_rule(&update));
        scope.spawn(|| for_each_rule(&delete));
        scope.spawn(|| for_each_rule(&lookup));
        scope.spawn(|| for_each_rule(&get_next_key));
    });
    for_each_rule(&update);
    let numbers: Vec<u32> = table.contents().iter().map(|(_, number)| *number).collect();
    assert_eq!(numbers, [1, 2, 4, 3]);
}

#[test]
fn test_lpm_trie_update_flags() {
    let table = numbered(Family::Inet, &[]);
    let update = |mode, text, len, number| {
        let done = table.apply(table.insertion(mode, address(text), len, number));
        (done, table.lookup(address(text)))
    };
    let (zero, in_8, in_9) = ("0.0.0.0", "0.64.0.0", "0.128.0.0");
    assert_eq!(update(Mode::Change, zero, 32, 2), (Err(ENOENT), None));
    assert_eq!(update(Mode::Add, zero, 16, 1), (Ok(()), Some(1)));
    assert_eq!(update(Mode::Add, zero, 16, 3), (Err(EEXIST), Some(1)));
    assert_eq!(update(Mode::Change, zero, 16, 4), (Ok(()), Some(4)));
    assert_eq!(update(Mode::Replace, zero, 16, 1), (Ok(()), Some(1)));
    // A shorter prefix that covers the first.
    assert_eq!(update(Mode::Change, in_8, 8, 2), (Err(ENOENT), None));
    assert_eq!(update(Mode::Add, in_8, 8, 2), (Ok(()), Some(2)));
    // A prefix beside the first.
    assert_eq!(update(Mode::Add, in_9, 9, 5), (Ok(()), Some(5)));
    assert_eq!(update(Mode::Replace, in_9, 9, 3), (Ok(()), Some(3)));
    // The shorter prefix has no route any more.
    table.delete(address(zero), 8).unwrap();
    assert_eq!(update(Mode::Change, in_8, 8, 2), (Err(ENOENT), None));
    assert_eq!(table.lookup(address(zero)), Some(1));
}

#[test]
fn test_lpm_trie_update_full_map() {
    static SETTINGS: Settings = Settings::new();
    SETTINGS.set_max_routes(3);
    let table = NumberedTable::with_settings(Family::Inet, &SETTINGS);
    let (zero, in_8, in_9) = ("0.0.0.0", "0.64.0.0", "0.128.0.0");
    for (text, len, number) in [(zero, 16, 0), (in_8, 8, 1), (in_9, 9, 2)] {
        let add = table.insertion(Mode::Add, address(text), len, number);
        assert_eq!(table.apply(add), Ok(()));
        assert_eq!(table.lookup(address(text)), Some(number));
    }
    assert_eq!(table.add(address(zero), 32, 3), Err(ENOSPC));
    for (mode, text, len, number) in [(Mode::Change, zero, 16, 4), (Mode::Replace, in_9, 9, 5)] {
        let change = table.insertion(mode, address(text), len, number);
        assert_eq!(table.apply(change), Ok(()));
        assert_eq!(table.lookup(address(text)), Some(number));
    }
}

const STRINGS: [&str; 6] = ["ab", "abO", "abc", "abo", "abS", "abcd"];

/// Returns a string, with its terminating zero, as a prefix.
fn string_key(table: &NumberedTable, string: &str) -> Prefix {
    let mut bytes = [0; 16];
    bytes[..string.len()].copy_from_slice(string.as_bytes());
    let len = 8 * (string.len() as u8 + 1);
    table.prefix(table.top(u128::from_be_bytes(bytes)), len)
}

/// Adds all strings, each in two steps and alternating modes.
fn add_strings(table: &NumberedTable) {
    for (number, string) in (0..).zip(STRINGS) {
        let prefix = string_key(table, string);
        let (address, len) = (prefix.address(), prefix.len());
        let insert = |mode, number| table.apply(table.insertion(mode, address, len, number));
        let (first, then) = match number % 2 {
            0 => (Mode::Replace, Mode::Change),
            _ => (Mode::Add, Mode::Replace),
        };
        assert_eq!(insert(first, number + 100), Ok(()));
        assert_eq!(table.lookup(address), Some(number + 100));
        assert_eq!(insert(Mode::Add, number), Err(EEXIST));
        assert_eq!(insert(then, number), Ok(()));
        for (other, string) in (0..=number).zip(STRINGS) {
            let address = string_key(table, string).address();
            assert_eq!(table.lookup(address), Some(other), "{string}");
        }
    }
}

#[test]
fn test_lpm_trie_iterate_strs() {
    let table = NumberedTable::new(Family::Inet6);
    add_strings(&table);
    let mut sorted = STRINGS;
    sorted.sort_unstable();
    let sorted = sorted.map(|string| string_key(&table, string));

    let mut at = None;
    for expected in sorted {
        at = next_key(&table.table, at);
        assert_eq!(at, Some(expected));
    }
    assert_eq!(next_key(&table.table, at), None);

    // Delete each key when it is found.
    let mut at = None;
    for expected in sorted {
        at = next_key(&table.table, at);
        assert_eq!(at, Some(expected));
        table.delete(expected.address(), expected.len()).unwrap();
    }
    assert_eq!(next_key(&table.table, at), None);
    assert_eq!(table.contents(), []);
}

#[test]
fn test_lpm_trie_iterate_strs_full() {
    static SETTINGS: Settings = Settings::new();
    SETTINGS.set_max_routes(STRINGS.len());
    let table = NumberedTable::with_settings(Family::Inet6, &SETTINGS);
    add_strings(&table);
    assert_eq!(table.add(address("::"), 64, 0), Err(ENOSPC));
    assert_eq!(table.contents().len(), STRINGS.len());
}

#[test]
fn test_lpm_trie_iterate_ints() {
    let table = NumberedTable::new(Family::Inet);
    let key = |int: u32| table.prefix(IpAddr::V4(int.into()), 32);
    let keys: Vec<Prefix> = (0..4096).map(key).collect();
    for key in &keys {
        table.add(key.address(), 32, 1).unwrap();
    }
    for (at, key) in keys.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| keys[before]);
        assert_eq!(next_key(&table.table, before), Some(*key));
        table.delete(key.address(), 32).unwrap();
        assert_eq!(next_key(&table.table, None), keys.get(at + 1).copied());
    }
    assert_eq!(next_key(&table.table, keys.last().copied()), None);
}

/// Applies several changes in one transaction.
fn batch(table: &NumberedTable, changes: impl Iterator<Item = Operation>) {
    let mut transaction = Transaction::new();
    for change in changes {
        transaction.push(change).unwrap();
    }
    assert_eq!(transaction.commit(&table.table), Ok(()));
}

#[test]
fn test_lpm_trie_map_batch_ops() {
    let table = numbered(Family::Inet, &[]);
    let address = |number: u32| IpAddr::V4((0xc0a8_0100 + number).into());
    for step in 1..10 {
        let add = |number| table.insertion(Mode::Replace, address(number), 32, number);
        batch(&table, (1..=10).map(add));
        let pieces = dump(&table.table, Selector::All, step);
        let found: Vec<Prefix> = pieces.iter().map(|route| route.prefix).collect();
        let expected: Vec<Prefix> = (1..=10).map(|n| table.prefix(address(n), 32)).collect();
        assert_eq!(found, expected);
        for number in 1..=10 {
            assert_eq!(table.lookup(address(number)), Some(number));
        }
        for piece in found.chunks(step) {
            let remove = |prefix: &Prefix| table.removal(prefix.address(), 32);
            batch(&table, piece.iter().map(remove));
        }
        assert_eq!(next_key(&table.table, None), None);
    }
}

#[test]
fn test_lpm_trie_map_get_next_key() {
    let table = numbered(Family::Inet, &[]);
    for len in 0..=32 {
        table.add(address("0.0.0.0"), len, 0).unwrap();
    }
    let [next_to_last, last] = [31, 32].map(|len| table.prefix(address("0.0.0.0"), len));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..1 << 8 {
                    assert_eq!(next_key(&table.table, Some(last)), None);
                    assert_eq!(next_key(&table.table, Some(next_to_last)), Some(last));
                }
            });
        }
    });
}
