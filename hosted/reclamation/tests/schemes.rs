// SPDX-License-Identifier: GPL-2.0

//! Each scheme answers as a slow table does, and keeps as much memory behind a stalled reader as
//! theory says.

use rcu_routes::testing::{in_each_flavour, Random};
use reclamation::{
    behind_a_stalled_reader, schemes, Behind, Bound, Name, Reader, Routes, Scheme, Versions,
    Visitor,
};
use std::{sync::atomic::AtomicBool, sync::atomic::Ordering, thread};

/// Returns the next hop of the longest prefix that covers an address; of equal ones, the last.
fn slow_lookup(routes: &[(u32, u8, u32)], address: u32) -> Option<u32> {
    let covers = |&&(prefix, len, _): &&(u32, u8, u32)| {
        len == 0 || (prefix ^ address) >> (32 - u32::from(len)) == 0
    };
    let best = routes.iter().filter(covers).max_by_key(|route| route.1);
    best.map(|route| route.2)
}

fn random_routes(random: &mut Random, count: usize) -> Vec<(u32, u8, u32)> {
    let route = |next_hop| {
        // Few different prefixes, so that they cover each other.
        let prefix = ((random.below(4) as u32) << 30) | ((random.below(4) as u32) << 8);
        (prefix, random.below(33) as u8, next_hop)
    };
    (0..count as u32).map(route).collect()
}

/// Addresses at the edges of a route, and a few others.
fn probes(routes: &[(u32, u8, u32)], random: &mut Random) -> Vec<u32> {
    let mut all = vec![0, u32::MAX];
    for &(prefix, len, _) in routes {
        let host = u32::MAX.checked_shr(len.into()).unwrap_or(0);
        for edge in [prefix & !host, prefix | host] {
            all.extend([edge, edge.wrapping_sub(1), edge.wrapping_add(1)]);
        }
    }
    all.extend((0..64).map(|_| random.below(1 << 32) as u32));
    all
}

/// Replaces the table by others, and compares each answer with the slow table's.
struct Answers;

impl Visitor for Answers {
    type Output = ();

    fn visit<S: Scheme>(self, name: Name) {
        let mut random = Random::new(7);
        let versions = Versions::default();
        let scheme = S::new(Routes::new(&[], &versions));
        let mut reader = scheme.reader();
        for count in [0, 1, 2, 5, 20, 40] {
            for _ in 0..10 {
                let routes = random_routes(&mut random, count);
                scheme.update(|_| Routes::new(&routes, &versions));
                for address in probes(&routes, &mut random) {
                    let found = reader.read(|table| table.lookup(address));
                    let expected = slow_lookup(&routes, address);
                    assert_eq!(
                        found,
                        expected,
                        "{}: {address:#x} in {routes:x?}",
                        name.text()
                    );
                }
            }
        }
    }
}

/// Reads while another thread updates: no reader goes back to an older table.
struct Order;

impl Visitor for Order {
    type Output = ();

    fn visit<S: Scheme>(self, name: Name) {
        let versions = Versions::default();
        let scheme = S::new(Routes::new(&[(0, 0, 0)], &versions));
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut reader = scheme.reader();
                let mut last = Some(0);
                while !stop.load(Ordering::Relaxed) {
                    let found = reader.read(|table| table.lookup(0));
                    assert!(found >= last, "{}: {found:?} after {last:?}", name.text());
                    last = found;
                }
            });
            for number in 1..=500 {
                scheme.update(|old| old.with(0, number));
            }
            stop.store(true, Ordering::Relaxed);
            reader.join().unwrap();
        });
        assert_eq!(scheme.reader().read(|table| table.lookup(0)), Some(500));
    }
}

/// Updates behind a stalled reader. More updates than haphazard keeps.
struct Memory;

const UPDATES: usize = 2500;

impl Visitor for Memory {
    type Output = ();

    fn visit<S: Scheme>(self, name: Name) {
        let Behind {
            points,
            updates,
            live,
            remaining,
            ..
        } = behind_a_stalled_reader::<S>(UPDATES, name.bound());
        let name_text = name.text();
        let most = points.iter().map(|point| point.1).max();
        match name.bound() {
            // The reader's table, and the new one.
            Bound::UpdaterBlocks => assert_eq!((updates, live), (0, 2), "{name_text}"),
            Bound::Tables(old) => {
                assert_eq!(updates, UPDATES, "{name_text}");
                assert!(most <= Some(old + 1), "{name_text}: {most:?} tables");
            }
            Bound::None => assert_eq!((updates, live), (UPDATES, UPDATES + 1), "{name_text}"),
        }
        assert_eq!(remaining, 1, "{name_text} after the end of the reader");
    }
}

/// The schemes without liburcu.
fn others() -> impl Iterator<Item = Name> {
    let is_other = |name: &Name| !matches!(name, Name::Urcu(_) | Name::UrcuSynchronize);
    Name::ALL.into_iter().filter(is_other)
}

#[test]
fn other_schemes_answer_as_the_slow_table() {
    for name in others() {
        name.visit(Answers);
        name.visit(Order);
    }
}

#[test]
fn other_schemes_keep_as_much_memory_as_theory_says() {
    others().for_each(|name| name.visit(Memory));
}

#[test]
fn liburcu_answers_as_the_slow_table() {
    in_each_flavour("liburcu_answers_as_the_slow_table", |flavour| {
        Name::Urcu(flavour).visit(Answers);
        Name::Urcu(flavour).visit(Order);
    });
}

#[test]
fn liburcu_keeps_as_much_memory_as_theory_says() {
    in_each_flavour("liburcu_keeps_as_much_memory_as_theory_says", |flavour| {
        Name::Urcu(flavour).visit(Memory);
        Memory.visit::<schemes::Synchronize>(Name::UrcuSynchronize);
    });
}

#[test]
fn each_scheme_has_its_own_name() {
    for name in Name::ALL {
        assert_eq!(Name::of(name.text()), Some(name));
    }
}
