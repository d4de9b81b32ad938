// SPDX-License-Identifier: GPL-2.0

//! Followers of a table: a copy that applies all changes has the same routes, and a slow follower
//! gets the number of lost changes.

use kernel::{error::code::EBUSY, sync::Arc};
use rcu_routes::{
    rcu_table::{
        Change, Event, Follower, Key, Operation, Reload, Route, Selector, Table, Transaction,
        MAX_FOLLOWERS,
    },
    testing::{drain_callbacks, dump, follow, operation, run, table, Random},
};
use std::collections::BTreeMap;

/// A copy of a table, and the follower that updates it.
struct Copy {
    follower: Follower,
    routes: BTreeMap<Key, Route>,
    generation: u64,
}

impl Copy {
    fn new(table: &Arc<Table>) -> Self {
        let follower = follow(table, MAX_FOLLOWERS).unwrap();
        let mut this = Self {
            follower,
            routes: BTreeMap::new(),
            generation: table.generation(),
        };
        this.read(table);
        this
    }

    fn read(&mut self, table: &Table) {
        let routes = dump(table, Selector::All, 128);
        self.routes = routes
            .iter()
            .map(|route| (Key::from(route), *route))
            .collect();
    }

    /// Applies all changes. Returns their number, and the number of lost ones.
    fn follow(&mut self, table: &Table) -> (u64, u64) {
        let (mut count, mut lost) = (0, 0);
        let mut must_end = None;
        while let Some((event, next)) = self.follower.peek() {
            self.follower.advance(next);
            match event {
                Event::Lost(changes) => {
                    lost += changes;
                    self.read(table);
                    (self.generation, must_end) = (table.generation(), None);
                }
                Event::Change {
                    change,
                    generation,
                    is_last,
                } => {
                    count += 1;
                    self.apply(table, change);
                    // The changes of a generation are contiguous, and no generation is missing.
                    match must_end {
                        Some(open) => assert_eq!(generation, open),
                        None if lost == 0 => assert_eq!(generation, self.generation + 1),
                        None => (),
                    }
                    must_end = (!is_last).then_some(generation);
                    if lost == 0 {
                        self.generation = generation;
                    }
                }
            }
        }
        assert_eq!(must_end, None);
        (count, lost)
    }

    fn apply(&mut self, table: &Table, change: Change) {
        match change {
            Change::Inserted(route) => {
                self.routes.insert(Key::from(&route), route);
            }
            Change::Removed(route) => {
                self.routes.remove(&Key::from(&route));
            }
            Change::Flushed(family) => self.routes.retain(|key, _| key.prefix.family() != family),
            Change::Reloaded => self.read(table),
            Change::Object(..) | Change::ObjectRemoved(_) => (),
        }
    }

    fn assert_equal(&self, table: &Table) {
        let routes: Vec<_> = self.routes.values().copied().collect();
        assert_eq!(routes, dump(table, Selector::All, 128));
        assert_eq!(self.generation, table.generation());
    }
}

fn random_operation(random: &mut Random) -> Operation {
    let prefix = [
        "10.0.0.0/8",
        "10.0.0.0/16",
        "10.1.0.0/16",
        "0.0.0.0/0",
        "::/0",
        "2001:db8::/32",
    ][random.below(6)];
    let rest = ["dev a", "dev b", "dev a metric 5", "dev b metric 5"][random.below(4)];
    operation(&match random.below(40) {
        0 => "flush".to_string(),
        1 => "flush inet6".to_string(),
        2..=11 => format!("add {prefix} {rest}"),
        12..=21 => format!("replace {prefix} {rest}"),
        22..=29 => format!("change {prefix} {rest}"),
        _ => format!("del {prefix}"),
    })
}

/// Makes one change, a batch, a transaction or a reload. A failure is no error here.
fn random_step(random: &mut Random, table: &Arc<Table>) {
    let mut operations = (0..random.below(12)).map(|_| random_operation(random));
    let operations: Vec<_> = operations.by_ref().collect();
    match random.below(8) {
        0 => {
            let mut reload = Reload::new(table.clone()).unwrap();
            for operation in &operations {
                let _ = reload.apply(operation);
            }
            reload.commit().unwrap();
        }
        1..=3 => {
            let mut transaction = Transaction::new();
            for operation in operations {
                transaction.push(operation).unwrap();
            }
            let _ = transaction.commit(table);
        }
        4..=5 => drop(table.apply(&operations)),
        _ => drop(random_operation(random).apply(table)),
    }
}

#[test]
fn a_copy_that_follows_all_changes_has_the_same_routes() {
    for seed in 0..200 {
        let random = &mut Random::new(seed);
        let table = table();
        (0..random.below(10)).for_each(|_| random_step(random, &table));
        let mut copy = Copy::new(&table);
        for _ in 0..20 {
            random_step(random, &table);
            let (_, lost) = copy.follow(&table);
            assert_eq!(lost, 0);
            copy.assert_equal(&table);
        }
    }
    // The leak checker does not see the pointer to a page's hidden routes, whose halves are apart.
    drain_callbacks();
}

#[test]
fn a_replace_by_an_equal_route_has_no_effect() {
    let table = table();
    run(&table, "add 10.0.0.0/8 dev a metric 5").unwrap();
    let mut copy = Copy::new(&table);
    let before = table.stats().unwrap();
    for verb in ["replace", "change"] {
        let line = format!("{verb} 10.0.0.0/8 dev a metric 5");
        run(&table, &line).unwrap();
        table.apply(&[operation(&line); 8]).unwrap();
        let mut transaction = Transaction::new();
        transaction.push(operation(&line)).unwrap();
        transaction.commit(&table).unwrap();
    }
    let after = table.stats().unwrap();
    assert_eq!(copy.follow(&table), (0, 0));
    assert_eq!(after.unchanged, 20);
    assert_eq!(
        (after.generation, after.copied_bytes),
        (before.generation, before.copied_bytes)
    );
    assert_eq!(
        run(&table, "add 10.0.0.0/8 dev a metric 5"),
        Err(kernel::error::code::EEXIST)
    );
}

#[test]
fn a_slow_follower_gets_the_number_of_lost_changes() {
    let table = table();
    let mut copy = Copy::new(&table);
    let line = |number: u32| format!("add {}/32 dev a", std::net::Ipv4Addr::from_bits(number));
    for number in 0..8192 {
        run(&table, &line(number)).unwrap();
    }
    assert_eq!(copy.follow(&table), (8192, 0));
    for number in 8192..20_000 {
        run(&table, &line(number)).unwrap();
    }
    assert_eq!(copy.follow(&table), (8192, 20_000 - 8192 - 8192));
    copy.assert_equal(&table);
}

#[test]
fn a_new_follower_gets_no_earlier_change() {
    let table = table();
    let first = Copy::new(&table);
    run(&table, "add 10.0.0.0/8 dev a").unwrap();
    let mut second = Copy::new(&table);
    drop(first);
    assert_eq!(second.follow(&table), (0, 0));
    drop(second);
    // The last follower has freed the ring.
    run(&table, "del 10.0.0.0/8").unwrap();
    let mut third = Copy::new(&table);
    assert_eq!(third.follow(&table), (0, 0));
    run(&table, "add 10.0.0.0/8 dev b").unwrap();
    assert_eq!(third.follow(&table), (1, 0));
    third.assert_equal(&table);
}

#[test]
fn a_follower_skips_the_changes_until_now() {
    let table = table();
    let mut copy = Copy::new(&table);
    (0..10_000).for_each(|number| {
        let verb = ["add", "del"][number % 2];
        run(&table, &format!("{verb} 10.0.0.0/8 dev a")).unwrap();
    });
    copy.follower.skip();
    copy.generation = table.generation();
    assert_eq!(copy.follow(&table), (0, 0));
    run(&table, "add 10.0.0.0/8 dev b").unwrap();
    assert_eq!(copy.follow(&table), (1, 0));
    copy.assert_equal(&table);
}

#[test]
fn the_number_of_followers_is_limited() {
    let table = table();
    let follow = |limit| follow(&table, limit);
    let mut followers: Vec<_> = (0..10).map(|_| follow(10).unwrap()).collect();
    assert_eq!(follow(10).err(), Some(EBUSY));
    followers.extend((10..MAX_FOLLOWERS).map(|_| follow(usize::MAX).unwrap()));
    assert_eq!(follow(usize::MAX).err(), Some(EBUSY));
    drop(followers);
    assert!(follow(1).is_ok());
}
