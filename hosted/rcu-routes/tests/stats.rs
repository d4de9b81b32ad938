// SPDX-License-Identifier: GPL-2.0

//! The table's statistics. Retired memory is counted for the whole process, so the tests run one at
//! a time.

use kernel::alloc::live;
use rcu_routes::{
    rcu::barrier,
    rcu_table::{Mode, NextHop, Prefix, Route, Table},
    testing::{address, own_stats, run, run_alone, show, table, wait_until, HeldReader, Random},
};

/// Asserts that nothing awaits reclaim.
fn assert_nothing_retired(table: &Table) {
    // Reading the statistics closes batches, and detects the end of grace periods.
    wait_until("nothing awaits reclaim", || {
        barrier();
        let stats = table.stats().unwrap();
        (stats.retired_objects, stats.retired_bytes) == (0, 0)
    });
    barrier();
}

/// Returns routes of both families: isolated, nested, adjacent, and with several metrics.
fn many(random: &mut Random) -> Vec<Route> {
    let mut routes = Vec::new();
    for number in 0..2000_u32 {
        let v6 = number % 2 == 0;
        let len = random.below(if v6 { 129 } else { 33 }) as u8;
        // Half of the prefixes share their first bits.
        let mut bits = random.wide();
        if number % 4 < 2 {
            bits = (0x2001_0db8 << 96) | (bits >> 40);
        }
        let address = match v6 {
            true => std::net::Ipv6Addr::from_bits(bits).into(),
            false => std::net::Ipv4Addr::from_bits((bits >> 96) as u32).into(),
        };
        let prefix = Prefix::network(address, len);
        let metric = random.below(3) as u32;
        let gateway = address_number(random.below(50));
        let next_hop = NextHop::Via(gateway, None);
        routes.push(Route {
            prefix,
            metric,
            next_hop,
        });
    }
    routes.sort_by_key(|route| (route.prefix, route.metric));
    routes.dedup_by_key(|route| (route.prefix, route.metric));
    random.shuffle(&mut routes);
    routes
}

fn address_number(number: usize) -> std::net::IpAddr {
    address(&format!("192.0.2.{number}"))
}

#[test]
fn deleting_all_routes_in_random_order_frees_everything() {
    let _turn = run_alone();
    for seed in 0..3 {
        let mut random = Random::new(seed);
        let table = table();
        barrier();
        let empty = (own_stats(&table), live());
        let mut routes = many(&mut random);
        for route in &routes {
            table.insert(route, Mode::Add).unwrap();
        }
        let stats = own_stats(&table);
        assert_eq!(stats.routes_inet + stats.routes_inet6, routes.len());
        assert!(stats.objects > routes.len() && stats.bytes > 0);
        random.shuffle(&mut routes);
        for route in &routes {
            let Route {
                prefix,
                metric,
                next_hop,
            } = route;
            table.remove(prefix, Some(*metric), Some(next_hop)).unwrap();
        }
        let stats = own_stats(&table);
        assert_eq!((stats.objects, stats.bytes, stats.next_hops), (0, 0, 0));
        assert_eq!((stats.routes_inet, stats.routes_inet6), (0, 0));
        assert_nothing_retired(&table);
        assert_eq!(live(), empty.1);
    }
}

#[test]
fn statistics_depend_on_the_contents_alone() {
    let _turn = run_alone();
    let mut random = Random::new(5);
    let all = many(&mut random);
    let (kept, removed) = all.split_at(all.len() / 2);
    let direct = table();
    for route in kept {
        direct.insert(route, Mode::Add).unwrap();
    }
    let detour = table();
    for route in removed.iter().chain(kept) {
        detour.insert(route, Mode::Add).unwrap();
        detour.insert(route, Mode::Replace).unwrap();
    }
    for route in removed {
        detour
            .remove(&route.prefix, Some(route.metric), None)
            .unwrap();
    }
    assert_eq!(show(&direct), show(&detour));
    let (direct, detour) = (own_stats(&direct), own_stats(&detour));
    assert_eq!(direct.bytes, detour.bytes);
    assert_eq!(direct.objects, detour.objects);
    assert_eq!(direct.next_hops, detour.next_hops);
}

#[test]
fn retired_memory_is_counted_until_reclaim() {
    let _turn = run_alone();
    let table = table();
    let reclaimed = table.stats().unwrap().reclaimed_objects;
    run(&table, "add 10.0.0.0/24 dev a").unwrap();
    let one = own_stats(&table);
    let reader = HeldReader::start();

    // The first insert replaces a node.
    run(&table, "add 10.0.0.0/24 dev b metric 1").unwrap();
    let after_add = table.stats().unwrap();
    assert_eq!(after_add.retired_objects, 1);
    assert!(after_add.retired_bytes < one.bytes);

    // A removal replaces the node, and releases its next hop; the next one removes the last node
    // and its page.
    run(&table, "del 10.0.0.0/24").unwrap();
    let after_first = table.stats().unwrap();
    assert_eq!(after_first.retired_objects, 2);
    assert!(after_first.retired_bytes > 2 * after_add.retired_bytes);
    run(&table, "del 10.0.0.0/24").unwrap();
    let after_delete = table.stats().unwrap();
    assert_eq!(after_delete.retired_objects, 4);
    assert_eq!(after_delete.objects, 0);
    assert_eq!(after_delete.reclaimed_objects, reclaimed);

    reader.release();
    assert_nothing_retired(&table);
    // The array of answers is one more.
    let total = reclaimed + after_delete.retired_objects + 1;
    assert_eq!(table.stats().unwrap().reclaimed_objects, total);
}

#[test]
fn flush_and_drop_free_everything() {
    let _turn = run_alone();
    let before = live();
    let routes = many(&mut Random::new(6));
    let table = table();
    let empty = live();
    let fill = || {
        for route in &routes {
            table.insert(route, Mode::Add).unwrap();
        }
    };
    fill();
    table.flush(None).unwrap();
    assert_nothing_retired(&table);
    assert_eq!(live(), empty);
    fill();
    drop(table);
    barrier();
    assert_eq!(live(), before);
}
