// SPDX-License-Identifier: GPL-2.0

//! The cases of the crate `prefix-trie` 0.10.1 for its map, ported as tests of behaviour:
//! `src/test/mod.rs`, `src/map/mod.rs`, `src/fuzzing/basic.rs`, `src/joint/test.rs` and
//! `src/joint/map/test.rs`. Its other tests are of its internals and of features that a route table
//! lacks: set operations, aggregation, views and serialisation.
//!
//! Upstream runs the cases for several types of prefix; here they run for both families. Values are
//! numbers; sets become maps with arbitrary values.
//!
//! | `src/test/mod.rs` | here |
//! |---|---|
//! | `child`, `chain`, `chain_reverse`, `branch_direct`, `branch_indirect`, `branch_indirect_child`, `branch_indirect_with_value`, `branch_indirect_twice` | [`child_chain_and_branch`]: inserted prefixes are found in order and removed again |
//! | `get_exact` | [`get_exact`] |
//! | `get_lpm` | [`get_lpm`], of the last address of each prefix |
//! | `test_spm_vs_lpm_all_routes` | [`test_spm_vs_lpm_all_routes`]; this table has no shortest-prefix match |
//! | `insert_with_host_part`, `replace_with_host_part`, `entry_with_host_part`, `replace_entry_with_host_part`, `from_iter_with_host_part` | [`prefixes_with_host_part`]: upstream clears host bits, this table rejects them |
//! | `regression_free_list_on_parent_collapse` | [`regression_free_list_on_parent_collapse`] |
//! | `iter_from_inclusive`, `iter_from_exclusive`, `iter_from_nonexistent`, `iter_from_empty_map`, `iter_from_with_parent_child`, `iter_from_set_inclusive`, `iter_from_set_exclusive`, `iter_from_set_empty`, `iter_from_set_nonexistent` | [`iter_from_a_prefix`] |
//! | `iter_from_mut_test` | [`iter_from_mut`]: each route is changed |
//!
//! | `src/map/mod.rs` | here |
//! |---|---|
//! | `test_insert_and_get_root`, `test_insert_root_and_child_separate`, `test_insert_sibling_prefixes`, `test_iter_order_…` (5 cases), `distinct_offsets`, `iter` | [`map::insert_and_iterate`] |
//! | `test_children` | [`map::children`] |
//! | `test_remove_children_leak`, `…_deep_tree`, `…_prunes_…` (3 cases), `…_keeps_nonempty_node`, `…_minimal`, `test_retain_leak`, `test_retain_minimal`, `remove_children_of_slash31`, `…_of_slash32`, `retain_slash32`, `clear_with_slash32` | [`map::remove_children_and_retain`]: in one transaction; the rest uses as much memory as a table built without the removed routes |
//! | `test_remove_children_deep_tree_slot_reuse` | [`map::test_remove_children_deep_tree_slot_reuse`] |
//! | `lpm`, `remove`, `cover_slash32` | [`map::host_routes`] |
//! | `lpm_all_depths_to_slash32` | [`map::lpm_all_depths_to_slash32`] |
//! | `test_drop_drops_values`, `test_partial_into_iter_drop_drops_remaining_values`, `clear_panic_safety` | do not apply: next hops have no destructor |
//! | `test_default_iterators_are_empty` | does not apply: there is no iterator without a table |
//!
//! | `src/fuzzing/basic.rs` | here |
//! |---|---|
//! | `new`, `new_mods`, `new_mods_vec`, `new_mods_entry`, `new_mods_set` | [`model::contents`] |
//! | `equality`, `equality_keep_tree`, `equality_set`, `equality_joint_map`, `equality_joint_set` | [`model::equality`]: equal contents have equal dumps and statistics |
//! | `inequality`, `inequality_set`, `inequality_joint_map`, `inequality_joint_set` | [`model::inequality`] |
//! | `remove_children`, `remove_children_vec`, `retain`, `retain_set` | [`model::remove_in_one_transaction`] |
//! | `cover`, `cover_keys`, `cover_values`, `cover_set`, `cover_after_keep_tree_mods` | [`model::cover`]: removing the route that serves reveals the next |
//! | `dense_iter_from_inclusive`, `dense_iter_from_exclusive`, `dense_set_iter_from_inclusive`, `dense_set_iter_from_exclusive` | [`model::iter_from`] |
//! | `mods_clone`, `mods_clone_set` | do not apply: tables are not cloned |
//! | `drop_check` | does not apply: next hops have no destructor; `out_of_memory.rs` counts allocations |
//!
//! | `src/joint/test.rs` | here |
//! |---|---|
//! | `iter`, `into_iter`, of set and map | [`joint_iter`] |
//! | `children`, of set and map | [`joint_children`] |
//! | `cover`, of set and map | [`joint_cover`] |
//! | `is_covered_in_aggregate_…` (6 cases) | do not apply: nothing is aggregated |
//! | `set_iter_default_is_empty` | does not apply: there is no iterator without a table |
//!
//! | `src/joint/map/test.rs` | here |
//! |---|---|
//! | `entry_get`, `entry_insert`, `entry_or_insert`, `entry_and_modify`, `entry_occupied_get`, `entry_occupied_insert`, `entry_occupied_remove`, `entry_vacant_insert` | [`joint_entry`] |
//! | `entry_get_mut`, `entry_key`, `entry_or_insert_with`, `entry_or_default`, `entry_occupied_key`, `entry_occupied_get_mut`, `entry_occupied_into_mut`, `entry_vacant_key`, `entry_vacant_insert_with`, `entry_vacant_default` | do not apply: routes are inserted as values |
//! | `map_inclusive`, `map_exclusive`, `map_from_ipv6_skips_ipv4`, `map_empty`, `map_nonexistent`, `set_inclusive`, `set_exclusive`, `set_from_ipv6_skips_ipv4`, `set_empty`, `set_nonexistent` | [`joint_iter_from`] |
//! | `map_iter_from_mut` | [`joint_iter_from_mut`] |
//! | `test_default_iterators_are_empty` | does not apply: there is no iterator without a table |

#[path = "properties/config.rs"]
mod config;
#[path = "ported/prefix_trie_map.rs"]
mod map;
#[path = "ported/prefix_trie_model.rs"]
mod model;

use core::net::IpAddr;
use kernel::{prelude::*, sync::Arc};
use rcu_routes::{
    rcu_table::{read_lock, Family, Key, Mode, Prefix, PrefixError, Selector, Table},
    testing::{address, dump, own_stats, prefix, route, run, show, table, NumberedTable},
};

const FAMILIES: [Family; 2] = [Family::Inet, Family::Inet6];

/// Parses an IPv4 prefix. In an IPv6 table it becomes the leading bits.
fn short(map: &NumberedTable, text: &str) -> Prefix {
    let (address, len) = text.split_once('/').expect("a prefix");
    let address: core::net::Ipv4Addr = address.parse().expect("an address");
    map.prefix(map.at(address.octets()), len.parse().expect("a length"))
}

/// Returns a table of numbers under prefixes.
fn map_of(family: Family, entries: &[(&str, u32)]) -> NumberedTable {
    let map = NumberedTable::new(family);
    for (text, number) in entries {
        insert(&map, short(&map, text), *number);
    }
    map
}

fn insert(map: &NumberedTable, prefix: Prefix, number: u32) {
    map.add(prefix.address(), prefix.len(), number).unwrap();
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// Returns a mask of the host bits of a prefix.
fn host_mask(len: u8) -> u128 {
    u128::MAX.checked_shr(u32::from(len)).unwrap_or(0)
}

fn last(map: &NumberedTable, prefix: Prefix) -> IpAddr {
    map.top(bits(prefix.address()) | host_mask(prefix.len()))
}

/// Returns whether `outer` covers or equals `inner`.
fn is_within(inner: &Prefix, outer: &Prefix) -> bool {
    let differ = bits(outer.address()) ^ bits(inner.address());
    outer.family() == inner.family()
        && outer.len() <= inner.len()
        && differ & !host_mask(outer.len()) == 0
}

/// Returns the prefixes of a dump from a prefix on.
fn iter_from(table: &Table, from: Prefix, inclusive: bool) -> Vec<Prefix> {
    let mut found = Vec::new();
    if inclusive {
        found = dump(table, Selector::Prefix(from), 4);
    }
    let metric = u32::MAX;
    let mut rest = KVec::with_capacity(256, GFP_KERNEL).unwrap();
    table
        .dump(
            Selector::All,
            Some(Key {
                prefix: from,
                metric,
            }),
            &mut rest,
        )
        .unwrap();
    found.extend_from_slice(&rest);
    found.iter().map(|route| route.prefix).collect()
}

/// Asserts that the table has exactly these contents and answers by them.
fn check(map: &NumberedTable, expected: &[(Prefix, u32)]) {
    assert_eq!(map.contents(), expected);
    let stats = own_stats(&map.table);
    assert_eq!(stats.routes_inet + stats.routes_inet6, expected.len());
    for (prefix, number) in expected {
        assert_eq!(map.get(*prefix), Some(*number), "{prefix}");
        for address in [prefix.address(), last(map, *prefix)] {
            let asked = Prefix::new(address, prefix.family().bits()).unwrap();
            let covering = expected
                .iter()
                .filter(|(outer, _)| is_within(&asked, outer));
            let best = covering.max_by_key(|(prefix, _)| prefix.len());
            assert_eq!(
                map.lookup(address),
                best.map(|(_, number)| *number),
                "{address}"
            );
        }
    }
}

#[test]
fn child_chain_and_branch() {
    // Each case lists its inserts in order.
    let cases: &[&[(&str, u32)]] = &[
        &[("1.0.0.0/8", 1)],
        &[("1.0.0.0/8", 1), ("1.2.0.0/16", 2), ("1.2.3.0/24", 3)],
        &[("1.2.3.0/24", 3), ("1.2.0.0/16", 2), ("1.0.0.0/8", 1)],
        &[("0.0.0.0/7", 1), ("0.0.0.0/8", 2), ("1.0.0.0/8", 3)],
        &[("0.0.0.0/8", 1), ("1.0.0.0/8", 2)],
        &[("0.0.0.0/8", 1), ("4.0.0.0/8", 2)],
        &[("0.0.0.0/8", 1), ("4.0.0.0/8", 2), ("0.0.0.0/5", 3)],
        &[("0.0.0.0/8", 1), ("4.0.0.0/8", 2), ("8.0.0.0/8", 3)],
    ];
    for family in FAMILIES {
        for case in cases {
            let map = map_of(family, case);
            let mut present: Vec<_> = case
                .iter()
                .map(|(text, number)| (short(&map, text), *number))
                .collect();
            present.sort();
            check(&map, &present);
            for (text, _) in *case {
                let prefix = short(&map, text);
                map.delete(prefix.address(), prefix.len()).unwrap();
                assert_eq!(map.get(prefix), None);
                present.retain(|(other, _)| *other != prefix);
                check(&map, &present);
            }
        }
    }
}

const FOUR: &[(&str, u32)] = &[
    ("0.0.0.0/8", 1),
    ("4.0.0.0/8", 2),
    ("8.0.0.0/8", 3),
    ("0.0.0.0/4", 4),
];

/// Returns prefixes of several lengths with the number expected of each.
fn lengths(network: &str, lens: &[u8], number: Option<u32>) -> Vec<(String, Option<u32>)> {
    let text = |len| format!("{network}/{len}");
    lens.iter().map(|len| (text(len), number)).collect()
}

#[test]
fn get_exact() {
    let cases = [
        lengths("0.0.0.0", &[0, 1, 2, 3, 5, 6, 7], None),
        lengths("0.0.0.0", &[4], Some(4)),
        lengths("0.0.0.0", &[8], Some(1)),
        lengths("4.0.0.0", &[6, 7], None),
        lengths("4.0.0.0", &[8], Some(2)),
        lengths("8.0.0.0", &[5, 6, 7], None),
        lengths("8.0.0.0", &[8], Some(3)),
    ];
    for family in FAMILIES {
        let map = map_of(family, FOUR);
        let order: Vec<u32> = map.contents().iter().map(|(_, number)| *number).collect();
        assert_eq!(order, [4, 1, 2, 3]);
        for (text, number) in cases.iter().flatten() {
            assert_eq!(map.get(short(&map, text)), *number, "{text}");
        }
    }
}

#[test]
fn get_lpm() {
    let cases = [
        lengths("0.0.0.0", &[0, 1, 2, 3], None),
        lengths("0.0.0.0", &[4, 5, 6, 7], Some(4)),
        lengths("0.0.0.0", &[8, 9], Some(1)),
        lengths("4.0.0.0", &[6, 7], Some(4)),
        lengths("4.0.0.0", &[8, 9], Some(2)),
        lengths("8.0.0.0", &[5, 6, 7], Some(4)),
        lengths("8.0.0.0", &[8, 9], Some(3)),
        lengths("9.0.0.0", &[8], Some(4)),
        lengths("10.0.0.0", &[8], Some(4)),
    ];
    for family in FAMILIES {
        let map = map_of(family, FOUR);
        for (text, served) in cases.iter().flatten() {
            let address = last(&map, short(&map, text));
            assert_eq!(map.lookup(address), *served, "the end of {text}");
        }
    }
}

#[test]
fn test_spm_vs_lpm_all_routes() {
    for family in FAMILIES {
        let map = map_of(
            family,
            &[
                ("0.0.0.0/0", 0),
                ("192.168.0.0/23", 23),
                ("192.168.0.0/24", 24),
            ],
        );
        assert_eq!(map.lookup(map.at([192, 168, 0, 1])), Some(24));
        assert_eq!(map.lookup(map.at([192, 168, 1, 1])), Some(23));
        assert_eq!(map.lookup(map.at([192, 168, 2, 1])), Some(0));
    }
}

#[test]
fn prefixes_with_host_part() {
    for family in FAMILIES {
        let map = NumberedTable::new(family);
        // In the order of `from_iter_with_host_part`. The second insert of a prefix is
        // `replace_with_host_part`.
        for (number, (bytes, len)) in [
            ([192, 168, 0, 254], 24),
            ([192, 168, 1, 0], 24),
            ([192, 168, 0, 254], 23),
            ([192, 168, 1, 254], 24),
        ]
        .into_iter()
        .enumerate()
        {
            let address = map.at(bytes);
            let error = (bytes[3] != 0).then_some(PrefixError::HostBits);
            assert_eq!(Prefix::new(address, len).err(), error);
            map.add(address, len, number as u32).unwrap();
        }
        let expected = [
            ("192.168.0.0/23", 2),
            ("192.168.0.0/24", 0),
            ("192.168.1.0/24", 3),
        ];
        check(
            &map,
            &expected.map(|(text, number)| (short(&map, text), number)),
        );
    }
}

#[test]
fn regression_free_list_on_parent_collapse() {
    let memory = |map: &NumberedTable| {
        let stats = own_stats(&map.table);
        (stats.objects, stats.bytes, stats.next_hops)
    };
    for family in FAMILIES {
        let alone = map_of(family, &[("10.0.0.0/10", 1)]);
        let map = map_of(family, &[("10.0.0.0/10", 1), ("10.128.0.0/10", 2)]);
        assert_ne!(memory(&map), memory(&alone));
        map.delete(map.at([10, 128, 0, 0]), 10).unwrap();
        assert_eq!(memory(&map), memory(&alone));
    }
}

/// The start of a walk, whether the walk includes it, and the expected prefixes.
type Walk = (&'static str, bool, &'static str);

/// The contents of a table, and walks through it.
type Walks = (&'static str, &'static [Walk]);

fn check_walks(cases: &[Walks], prefix: impl Fn(&str) -> Prefix) {
    for (present, walks) in cases {
        let table = table();
        for text in present.split_whitespace() {
            run(&table, &format!("add blackhole {}", prefix(text))).unwrap();
        }
        for (from, inclusive, expected) in *walks {
            let found = iter_from(&table, prefix(from), *inclusive);
            let expected = expected.split_whitespace().map(&prefix);
            assert_eq!(
                found,
                expected.collect::<Vec<_>>(),
                "from {from} in {present}"
            );
        }
    }
}

#[test]
fn iter_from_a_prefix() {
    const CASES: &[Walks] = &[
        (
            "10.0.0.0/8 10.1.0.0/16 10.2.0.0/16 10.3.0.0/16 10.4.0.0/16",
            &[
                (
                    "10.0.0.0/8",
                    true,
                    "10.0.0.0/8 10.1.0.0/16 10.2.0.0/16 10.3.0.0/16 10.4.0.0/16",
                ),
                ("10.2.0.0/16", true, "10.2.0.0/16 10.3.0.0/16 10.4.0.0/16"),
                ("10.4.0.0/16", true, "10.4.0.0/16"),
                ("10.2.0.0/16", false, "10.3.0.0/16 10.4.0.0/16"),
                ("10.1.0.0/16", false, "10.2.0.0/16 10.3.0.0/16 10.4.0.0/16"),
                ("10.4.0.0/16", false, ""),
            ],
        ),
        (
            "10.0.0.0/8 10.2.0.0/16 10.4.0.0/16",
            &[
                ("10.1.0.0/16", true, "10.2.0.0/16 10.4.0.0/16"),
                ("10.1.0.0/16", false, "10.2.0.0/16 10.4.0.0/16"),
                ("11.0.0.0/8", true, ""),
            ],
        ),
        ("", &[("10.0.0.0/8", true, ""), ("10.0.0.0/8", false, "")]),
        (
            "10.0.0.0/8 10.0.0.0/16 10.0.0.0/24 10.1.0.0/16",
            &[
                (
                    "10.0.0.0/8",
                    true,
                    "10.0.0.0/8 10.0.0.0/16 10.0.0.0/24 10.1.0.0/16",
                ),
                ("10.0.0.0/8", false, "10.0.0.0/16 10.0.0.0/24 10.1.0.0/16"),
                ("10.0.0.0/16", false, "10.0.0.0/24 10.1.0.0/16"),
            ],
        ),
    ];
    for family in FAMILIES {
        let map = NumberedTable::new(family);
        check_walks(CASES, |text| short(&map, text));
    }
}

#[test]
fn iter_from_mut() {
    for family in FAMILIES {
        let entries = [("10.0.0.0/8", 1), ("10.1.0.0/16", 2), ("10.2.0.0/16", 3)];
        let map = map_of(family, &entries);
        for prefix in iter_from(&map.table, short(&map, "10.1.0.0/16"), true) {
            let number = map.get(prefix).unwrap();
            let change = map.insertion(Mode::Change, prefix.address(), prefix.len(), number * 10);
            map.apply(change).unwrap();
        }
        let numbers: Vec<u32> = map.contents().iter().map(|(_, number)| *number).collect();
        assert_eq!(numbers, [1, 20, 30]);
    }
}

// The following cases have both families in one table.

fn joint(routes: &[&str]) -> Arc<Table> {
    let table = table();
    for line in routes {
        table.insert(&route(line), Mode::Add).unwrap();
    }
    table
}

#[test]
fn joint_iter() {
    let table = joint(&[
        "192.168.1.0/24 dev a",
        "2001::1:0:0/96 dev c",
        "192.168.0.0/24 dev b",
    ]);
    assert_eq!(
        show(&table),
        [
            "192.168.0.0/24 dev b",
            "192.168.1.0/24 dev a",
            "2001::1:0:0/96 dev c"
        ]
    );
}

/// Five nested prefixes of each family.
const NESTED: [&str; 10] = [
    "192.168.0.0/22",
    "192.168.0.0/23",
    "192.168.2.0/23",
    "192.168.0.0/24",
    "192.168.2.0/24",
    "2001::/30",
    "2001::/31",
    "2001:2::/31",
    "2001::/32",
    "2001:2::/32",
];

fn nested() -> Arc<Table> {
    let table = table();
    for (metric, text) in NESTED.iter().enumerate() {
        run(&table, &format!("add blackhole {text} metric {metric}")).unwrap();
    }
    table
}

#[test]
fn joint_children() {
    let table = nested();
    for (root, expected) in [
        ("192.168.0.0/23", ["192.168.0.0/23", "192.168.0.0/24"]),
        ("2001::/31", ["2001::/31", "2001::/32"]),
    ] {
        let root = prefix(root);
        let mut children = iter_from(&table, root, true);
        let end = children.iter().position(|child| !is_within(child, &root));
        children.truncate(end.unwrap_or(children.len()));
        assert_eq!(children, expected.map(prefix), "in {root}");
    }
}

#[test]
fn joint_cover() {
    for (asked, cover) in [
        (
            "192.168.2.0",
            ["192.168.2.0/24", "192.168.2.0/23", "192.168.0.0/22"],
        ),
        ("2001:2::", ["2001:2::/32", "2001:2::/31", "2001::/30"]),
    ] {
        let table = nested();
        let serves = || table.lookup(address(asked), &read_lock());
        for expected in cover {
            let served = serves().map(|route| route.prefix);
            assert_eq!(served, Some(prefix(expected)), "{asked}");
            table.remove(&prefix(expected), None, None).unwrap();
        }
        assert_eq!(serves(), None, "{asked}");
    }
}

#[test]
fn joint_entry() {
    for (there, absent) in [
        ("192.168.1.0/24", "192.168.2.0/24"),
        ("2001:1::/32", "2001:2::/32"),
    ] {
        let table = table();
        let get = |text: &str| {
            let found = dump(&table, Selector::Prefix(prefix(text)), 2);
            found.first().map(|route| route.to_string())
        };
        let with = |text: &str, dev: &str| Some(format!("{text} dev {dev}"));
        // entry_vacant_insert, entry_get, entry_occupied_get
        run(&table, &format!("add {there} dev one")).unwrap();
        assert_eq!((get(there), get(absent)), (with(there, "one"), None));
        // entry_or_insert
        let again = run(&table, &format!("add {there} dev two"));
        assert_eq!((again, get(there)), (Err(EEXIST), with(there, "one")));
        // entry_and_modify, entry_occupied_insert
        run(&table, &format!("change {there} dev two")).unwrap();
        let modified = run(&table, &format!("change {absent} dev two"));
        assert_eq!((modified, get(absent)), (Err(ENOENT), None));
        assert_eq!(get(there), with(there, "two"));
        // entry_insert
        for text in [there, absent] {
            run(&table, &format!("replace {text} dev three")).unwrap();
            assert_eq!(get(text), with(text, "three"));
        }
        // entry_occupied_remove
        run(&table, &format!("del {there}")).unwrap();
        assert_eq!((get(there), get(absent)), (None, with(absent, "three")));
    }
}

#[test]
fn joint_iter_from() {
    const CASES: &[Walks] = &[
        (
            "10.0.0.0/8 10.1.0.0/16 10.2.0.0/16 2001:1::/32 2001:2::/32",
            &[
                (
                    "10.0.0.0/8",
                    true,
                    "10.0.0.0/8 10.1.0.0/16 10.2.0.0/16 2001:1::/32 2001:2::/32",
                ),
                ("10.2.0.0/16", true, "10.2.0.0/16 2001:1::/32 2001:2::/32"),
                ("2001:2::/32", true, "2001:2::/32"),
            ],
        ),
        (
            "10.0.0.0/8 10.1.0.0/16 2001:1::/32 2001:2::/32",
            &[
                ("10.1.0.0/16", false, "2001:1::/32 2001:2::/32"),
                ("2001:2::/32", false, ""),
                ("10.0.0.0/8", false, "10.1.0.0/16 2001:1::/32 2001:2::/32"),
            ],
        ),
        (
            "10.0.0.0/8 10.1.0.0/16 2001:1::/32",
            &[("2001:1::/32", true, "2001:1::/32")],
        ),
        ("", &[("10.0.0.0/8", true, ""), ("2001::/32", false, "")]),
        (
            "10.0.0.0/8 10.2.0.0/16 2001:2::/32",
            &[
                ("10.1.0.0/16", true, "10.2.0.0/16 2001:2::/32"),
                ("2001:1::/32", true, "2001:2::/32"),
                ("2002::/32", true, ""),
            ],
        ),
    ];
    check_walks(CASES, prefix);
}

#[test]
fn joint_iter_from_mut() {
    let table = joint(&["10.0.0.0/8 dev a", "10.1.0.0/16 dev a", "2001:1::/32 dev a"]);
    for prefix in iter_from(&table, prefix("10.1.0.0/16"), true) {
        run(&table, &format!("change {prefix} dev b")).unwrap();
    }
    assert_eq!(
        show(&table),
        ["10.0.0.0/8 dev a", "10.1.0.0/16 dev b", "2001:1::/32 dev b"]
    );
}
