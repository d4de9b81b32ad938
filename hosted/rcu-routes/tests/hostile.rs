// SPDX-License-Identifier: GPL-2.0

//! Adversarial tables: their memory and the bytes and steps of each change stay within bounds, and
//! all memory is freed. Bytes and steps are the same in each run. `table-bench hostile` measures
//! larger tables of the same kinds, and their times. Memory is counted for the whole process, so
//! this file is one test.

#[path = "../../../bench/table-bench/src/hostile/inputs.rs"]
mod inputs;

use inputs::{Flapping, Input, FIXED_BYTES};
use kernel::{
    alloc::{live, Live},
    longest_stretch, Stretch,
};
use rcu_routes::{
    rcu::barrier,
    rcu_table::{Mode, Route, Stats, Table},
    testing::{own_stats, table, wait_until, HeldReader, Random},
};

/// Routes in most tables.
const SIZE: usize = 12_000;
/// Pairs of changes while a reader is held.
const CHANGES: usize = 50;
/// The most calls of the allocator for a change. It can need a page, three nodes, a list of hidden
/// routes, and a batch for the replaced objects.
const CALLS: usize = 10;
/// The most accesses to arrays for a change: a blueprint has at most 256 pieces, and a prefix at
/// most 64 metrics. Reads of nodes do not count.
const ACCESSES: usize = 2048;

/// Returns the allocated memory and the table's statistics when nothing awaits reclaim.
fn settled(table: &Table) -> (Live, Stats) {
    // Reading the statistics closes batches, and detects the end of grace periods.
    wait_until("nothing awaits reclaim", || {
        barrier();
        let stats = table.stats().unwrap();
        (stats.retired_objects, stats.retired_bytes) == (0, 0)
    });
    barrier();
    let own = Stats {
        next_hop_bytes: table.stats().unwrap().next_hop_bytes,
        ..own_stats(table)
    };
    (live(), own)
}

fn add(table: &Table, route: &Route) {
    table.insert(route, Mode::Add).unwrap();
}

fn delete(table: &Table, route: &Route) {
    table
        .remove(&route.prefix, Some(route.metric), None)
        .unwrap();
}

/// Checks that a full table stays within its bound. Asserts that deleting all routes frees
/// everything.
fn check_memory(input: &Input, faults: &mut Vec<String>) {
    let mut routes = input.routes(SIZE);
    let table = table();
    let (empty, empty_stats) = settled(&table);
    for route in &routes {
        add(&table, route);
    }

    let (full, stats) = settled(&table);
    let bound = FIXED_BYTES + input.bound * routes.len();
    let used = full.bytes - empty.bytes;
    let name = &input.name;
    let found = format!("{name}: {} bytes a route", used / routes.len());
    println!("{found}");
    if used > bound {
        faults.push(found);
    }
    // The statistics round as `kmalloc()` does, which differs from `malloc()`.
    let counted = stats.bytes + stats.next_hop_bytes - empty_stats.next_hop_bytes;
    assert!(
        (used / 2..used * 2).contains(&counted),
        "{name}: {counted} bytes by the statistics, {used} by malloc"
    );

    check_changes(&table, name, &routes[..CHANGES], input.copied, faults);
    Random::new(2).shuffle(&mut routes);
    for route in &routes {
        delete(&table, route);
    }
    let (left, stats) = settled(&table);
    assert_eq!(left, empty, "{name}");
    assert_eq!((stats.objects, stats.bytes, stats.next_hops), (0, 0, 0));
}

/// The most work of a change.
#[derive(Default)]
struct Work {
    bytes: usize,
    calls: usize,
    accesses: usize,
}

/// Checks the memory that each change replaces, and its steps. A held reader keeps all replaced
/// memory allocated.
fn check_changes(
    table: &Table,
    name: &str,
    routes: &[Route],
    bound: usize,
    faults: &mut Vec<String>,
) {
    let before = settled(table).0.allocations;
    let reader = HeldReader::start();
    let mut last = table.stats().unwrap().retired_bytes;
    let mut most = Work::default();
    for route in routes {
        for change in [delete, add] {
            let Stretch {
                allocator_calls,
                accesses,
                ..
            } = longest_stretch(|| change(table, route));
            let now = table.stats().unwrap().retired_bytes;
            most = Work {
                bytes: most.bytes.max(now - last),
                calls: most.calls.max(allocator_calls),
                accesses: most.accesses.max(accesses),
            };
            last = now;
        }
    }
    let Work {
        bytes,
        calls,
        accesses,
    } = most;
    let found =
        format!("{name}: a change replaced {bytes} bytes, {calls} calls, {accesses} accesses");
    println!("{found}");
    if bytes > bound || calls > CALLS || accesses > ACCESSES {
        faults.push(found);
    }
    reader.release();
    // The bytes can differ, because `malloc()` rounds by the space that is left.
    assert_eq!(settled(table).0.allocations, before, "{name}");
}

fn check_flapping(flapping: &Flapping, faults: &mut Vec<String>) {
    let table = table();
    for route in &flapping.others {
        add(&table, route);
    }
    add(&table, &flapping.route);
    let Flapping { name, bound, .. } = *flapping;
    check_changes(&table, name, &[flapping.route; CHANGES], bound, faults);
}

#[test]
fn hostile_tables_stay_within_bounds_and_free_everything() {
    let mut faults = Vec::new();
    for input in inputs::all() {
        check_memory(&input, &mut faults);
    }
    for flapping in inputs::flapping() {
        check_flapping(&flapping, &mut faults);
    }
    assert!(faults.is_empty(), "out of bounds: {faults:#?}");
}
