// SPDX-License-Identifier: GPL-2.0

//! An answer's number beyond 32,767 does not fit into a run of two bytes. A change that adds such a
//! number rebuilds the node with runs of four bytes. The removal of the last one rebuilds it with
//! runs of two bytes.

use rcu_routes::{
    rcu_table::Table,
    testing::{get, own_stats, run, table},
};

/// The number of next hops that use up all numbers of two bytes.
const NARROW: u32 = 33_000;

/// Asserts that each address of 10.0.0.0/29 has the route of its device, and 10.0.1.0 its own.
fn check(table: &Table, devices: [&str; 8], what: &str) {
    for (last, device) in devices.iter().enumerate() {
        let expected = format!("10.0.0.{last}/32 dev {device}");
        assert_eq!(get(table, &format!("10.0.0.{last}")), expected, "{what}");
    }
    let other = get(table, "10.0.1.0");
    assert_eq!(other, "10.0.1.0/32 dev a", "{what}");
}

#[test]
fn a_node_serves_its_routes_with_numbers_of_two_and_of_four_bytes() {
    let table = table();
    let mut devices = ["a", "b", "a", "b", "a", "b", "a", "b"];
    for (last, device) in devices.iter().enumerate() {
        run(&table, &format!("add 10.0.0.{last}/32 dev {device}")).unwrap();
    }
    run(&table, "add 10.0.1.0/32 dev a").unwrap();
    for number in 0..NARROW {
        let [.., high, low] = number.to_be_bytes();
        run(&table, &format!("add 11.0.{high}.{low}/32 dev n{number}")).unwrap();
    }
    let narrow = own_stats(&table);
    // In the leaf, and in the node above it, which has two children.
    run(&table, "change 10.0.0.3/32 dev wide").unwrap();
    run(&table, "add 10.0.2.0/24 dev wider").unwrap();
    devices[3] = "wide";
    check(&table, devices, "two wide nodes");
    assert_eq!(get(&table, "10.0.2.9"), "10.0.2.0/24 dev wider");
    run(&table, "add 10.0.2.9/32 dev a").unwrap();
    assert_eq!(get(&table, "10.0.2.9"), "10.0.2.9/32 dev a");
    run(&table, "change 10.0.0.4/32 dev b").unwrap();
    devices[4] = "b";
    check(&table, devices, "another route of a wide node");
    for line in [
        "del 10.0.2.9/32",
        "del 10.0.2.0/24",
        "change 10.0.0.3/32 dev b",
        "change 10.0.0.4/32 dev a",
    ] {
        run(&table, line).unwrap();
    }
    devices[3] = "b";
    devices[4] = "a";
    check(&table, devices, "narrow nodes");
    let again = own_stats(&table);
    assert_eq!((again.objects, again.bytes), (narrow.objects, narrow.bytes));
}

#[test]
fn a_page_is_freed_with_its_last_route_or_child() {
    let table = table();
    run(&table, "add 10.0.0.0/8 dev a").unwrap();
    let before = own_stats(&table);
    for prefix in ["10.1.0.0/16", "10.1.2.0/24", "10.1.2.3/32"] {
        run(&table, &format!("add {prefix} dev a")).unwrap();
        run(&table, &format!("del {prefix}")).unwrap();
        let after = own_stats(&table);
        let objects = (after.objects, after.bytes);
        assert_eq!(objects, (before.objects, before.bytes), "{prefix}");
    }
}
