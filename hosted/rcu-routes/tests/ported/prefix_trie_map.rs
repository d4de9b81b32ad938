// SPDX-License-Identifier: GPL-2.0

//! The cases of `src/map/mod.rs`: order, removal of whole subtrees, and host routes in the last
//! level of nodes.

use super::{check, insert, is_within, iter_from, map_of, short, FAMILIES};
use rcu_routes::{
    rcu_table::{Operation, Prefix, Transaction},
    testing::{own_stats, NumberedTable},
};

fn memory(map: &NumberedTable) -> (usize, usize, usize) {
    let stats = own_stats(&map.table);
    (stats.objects, stats.bytes, stats.next_hops)
}

/// Returns the contents of a table, sorted for [`check`].
fn sorted(map: &NumberedTable, entries: &[(&str, u32)]) -> Vec<(Prefix, u32)> {
    let entry = |(text, number): &(&str, u32)| (short(map, text), *number);
    let mut entries: Vec<_> = entries.iter().map(entry).collect();
    entries.sort();
    entries
}

/// Removes all routes within a prefix in one transaction.
fn remove_children(map: &NumberedTable, root: Prefix) {
    let mut transaction = Transaction::new();
    for (prefix, _) in map.contents() {
        if is_within(&prefix, &root) {
            let removal = Operation::Remove(prefix, None, None);
            transaction.push(removal).unwrap();
        }
    }
    assert_eq!(transaction.commit(&map.table), Ok(()));
}

#[test]
fn insert_and_iterate() {
    let cases: &[&[(&str, u32)]] = &[
        &[("0.0.0.0/0", 42)],
        &[("0.0.0.0/0", 1), ("0.0.0.0/1", 2)],
        &[("128.0.0.0/1", 2), ("0.0.0.0/1", 1)],
        &[("128.0.0.0/1", 3), ("0.0.0.0/1", 2), ("0.0.0.0/0", 1)],
        &[
            ("64.0.0.0/2", 50),
            ("0.0.0.0/2", 40),
            ("128.0.0.0/1", 30),
            ("0.0.0.0/1", 20),
            ("0.0.0.0/0", 10),
        ],
        &[("208.0.0.0/6", 2), ("208.0.0.0/5", 1)],
        // distinct_offsets and iter of `max_prefix_length`
        &[
            ("1.2.3.0/32", 1),
            ("1.2.3.1/32", 2),
            ("1.2.3.2/32", 3),
            ("1.2.3.3/32", 4),
        ],
    ];
    for family in FAMILIES {
        for case in cases {
            let map = map_of(family, case);
            check(&map, &sorted(&map, case));
        }
    }
}

#[test]
fn children() {
    for family in FAMILIES {
        let map = map_of(
            family,
            &[
                ("10.0.0.0/8", 1),
                ("10.1.0.0/16", 2),
                ("10.2.0.0/16", 3),
                ("10.1.0.0/24", 4),
            ],
        );
        let root = short(&map, "10.1.0.0/16");
        let mut found = iter_from(&map.table, root, true);
        found.retain(|prefix| is_within(prefix, &root));
        assert_eq!(found, [root, short(&map, "10.1.0.0/24")]);
    }
}

/// The contents of a table, a prefix whose children are removed, and the remaining contents.
type Removal = (
    &'static [(&'static str, u32)],
    &'static str,
    &'static [(&'static str, u32)],
);

#[test]
fn remove_children_and_retain() {
    const CASES: &[Removal] = &[
        // test_remove_children_leak, …_deep_tree and the cases that prune empty nodes
        (&[("0.0.0.0/6", 0), ("0.0.0.0/7", 0)], "0.0.0.0/6", &[]),
        (&[("0.0.0.0/11", 100)], "0.0.0.0/5", &[]),
        (&[("0.0.0.0/16", 1)], "0.0.0.0/12", &[]),
        (
            &[("0.0.0.0/6", 1), ("4.0.0.0/6", 2)],
            "0.0.0.0/6",
            &[("4.0.0.0/6", 2)],
        ),
        // test_remove_children_minimal
        (
            &[("0.0.0.0/1", 0), ("64.0.0.0/2", 1), ("128.0.0.0/2", 0)],
            "0.0.0.0/1",
            &[("128.0.0.0/2", 0)],
        ),
        // test_retain_leak and test_retain_minimal, by the prefixes that are removed
        (
            &[("240.0.0.0/5", 0), ("248.0.0.0/5", 0)],
            "240.0.0.0/4",
            &[],
        ),
        (
            &[("80.0.0.0/5", 0), ("80.0.0.0/6", 1), ("92.0.0.0/6", 1)],
            "80.0.0.0/6",
            &[("80.0.0.0/5", 0), ("92.0.0.0/6", 1)],
        ),
        // remove_children_of_slash31 and …_of_slash32, retain_slash32
        (
            &[("1.2.3.0/32", 10), ("1.2.3.2/32", 1), ("1.2.3.3/32", 2)],
            "1.2.3.2/31",
            &[("1.2.3.0/32", 10)],
        ),
        (
            &[("1.2.3.0/32", 1), ("1.2.3.1/32", 2)],
            "1.2.3.0/32",
            &[("1.2.3.1/32", 2)],
        ),
        (
            &[("1.2.3.0/24", 10), ("1.2.3.0/32", 1), ("1.2.3.1/32", 2)],
            "1.2.3.1/32",
            &[("1.2.3.0/24", 10), ("1.2.3.0/32", 1)],
        ),
        // clear_with_slash32
        (
            &[("1.2.3.0/24", 99), ("1.2.3.0/32", 0), ("1.2.3.3/32", 3)],
            "0.0.0.0/0",
            &[],
        ),
    ];
    for family in FAMILIES {
        for (present, root, left) in CASES {
            let map = map_of(family, present);
            remove_children(&map, short(&map, root));
            check(&map, &sorted(&map, left));
            assert_eq!(memory(&map), memory(&map_of(family, left)), "{root}");
            // All routes can be inserted again.
            for (text, number) in *present {
                insert(&map, short(&map, text), *number);
            }
            check(&map, &sorted(&map, present));
        }
    }
}

#[test]
fn test_remove_children_deep_tree_slot_reuse() {
    for family in FAMILIES {
        let map = map_of(family, &[("0.0.0.0/11", 100)]);
        remove_children(&map, short(&map, "0.0.0.0/5"));
        insert(&map, short(&map, "128.0.0.0/11"), 200);
        insert(&map, short(&map, "0.0.0.0/11"), 300);
        let expected = [("0.0.0.0/11", 300), ("128.0.0.0/11", 200)];
        check(&map, &sorted(&map, &expected));
    }
}

#[test]
fn host_routes() {
    for family in FAMILIES {
        // lpm, cover_slash32
        let map = map_of(family, &[("1.2.3.0/24", 10), ("1.2.3.4/32", 42)]);
        let [inside, beside] = [[1, 2, 3, 4], [1, 2, 3, 5]].map(|bytes| map.at(bytes));
        assert_eq!(map.lookup(inside), Some(42));
        assert_eq!(map.lookup(beside), Some(10));
        map.delete(inside, 32).unwrap();
        assert_eq!(map.lookup(inside), Some(10));

        // remove
        let map = map_of(
            family,
            &[
                ("1.2.3.0/32", 1),
                ("1.2.3.1/32", 2),
                ("1.2.3.2/32", 3),
                ("1.2.3.3/32", 4),
            ],
        );
        map.delete(map.at([1, 2, 3, 1]), 32).unwrap();
        map.delete(map.at([1, 2, 3, 2]), 32).unwrap();
        check(&map, &sorted(&map, &[("1.2.3.0/32", 1), ("1.2.3.3/32", 4)]));
    }
}

#[test]
fn lpm_all_depths_to_slash32() {
    const LENGTHS: [u8; 8] = [0, 5, 10, 15, 20, 25, 30, 32];
    for family in FAMILIES {
        let map = NumberedTable::new(family);
        let address = map.at([0xaa, 0xbb, 0xcc, 0xdd]);
        for len in LENGTHS {
            map.add(address, len, u32::from(len)).unwrap();
        }
        assert_eq!(map.lookup(address), Some(32));
        for len in LENGTHS {
            assert_eq!(map.get(map.prefix(address, len)), Some(u32::from(len)));
        }
    }
}
