// SPDX-License-Identifier: GPL-2.0

//! One thread changes the table as fast as it can, by single changes, transactions, reloads and
//! flushes, in all ways to reclaim memory, while two others look things up and dump it: each answer
//! is one that was right at that time. Afterwards the table is what it should be, and nothing is
//! left behind.
//!
//! `CHURN_SECONDS` says how long. Meant for AddressSanitizer as well.

mod check;
mod history;
mod plan;
mod rules;
mod snapshot;
mod universe;

use check::{Checker, Tally};
use core::net::{IpAddr, Ipv4Addr};
use history::History;
use kernel::{alloc::live, prelude::*, sync::Arc};
use plan::{Action, Change, Plan, Verb};
use rcu_routes::{
    rcu::barrier,
    rcu_table::{
        self, read_lock, Guard, Mode, NextHop, Operation, Prefix, ReclaimMode, Reload, Route,
        Selector, Settings, Table, Transaction,
    },
    testing::{dump, own_stats, Random, StopFlag},
};
use std::{
    env, thread,
    time::{Duration, Instant},
};
use universe::{Answer, Family, Universe};

static SETTINGS: Settings = Settings::new();

/// How often the writer does what waits for a grace period.
const WAIT_EACH: Duration = Duration::from_millis(20);

/// How long the writer writes.
fn duration() -> Duration {
    let seconds = env::var("CHURN_SECONDS").map_or(4, |text| text.parse().expect("seconds"));
    Duration::from_secs(seconds)
}

/// The table under test, and what it is compared with.
struct Churn {
    table: Arc<Table>,
    universe: Universe,
    history: History,
    stop: StopFlag,
}

impl Churn {
    fn new() -> Self {
        let table = Arc::pin_init(Table::with_settings(&SETTINGS), GFP_KERNEL);
        Self {
            table: table.expect("memory for an empty table"),
            universe: Universe::new(),
            history: History::new(),
            stop: StopFlag::new(),
        }
    }

    fn route(&self, number: usize, step: u32) -> Route {
        let known = self.universe.routes[number];
        Route {
            prefix: Prefix::new(known.address, known.len).expect("no host bits"),
            metric: number as u32,
            next_hop: NextHop::Via(Ipv4Addr::from_bits(step).into(), None),
        }
    }

    fn answer(&self, route: &Route) -> Answer {
        let NextHop::Via(IpAddr::V4(gateway), None) = route.next_hop else {
            panic!("{route} was never in the table");
        };
        let Route { prefix, metric, .. } = route;
        self.universe
            .answer(prefix.address(), prefix.len(), *metric, gateway)
            .unwrap_or_else(|| panic!("{route} was never in the table"))
    }

    fn operation(&self, change: Change, step: u32) -> Operation {
        match change {
            Change::Put(verb, number) => {
                let mode = match verb {
                    Verb::Add => Mode::Add,
                    Verb::Change => Mode::Change,
                    Verb::Replace => Mode::Replace,
                };
                Operation::Insert(self.route(number, step), mode)
            }
            Change::Remove(number) => {
                let route = self.route(number, step);
                Operation::Remove(route.prefix, Some(route.metric), None)
            }
            Change::Flush(Family::Inet) => Operation::Flush(Some(rcu_table::Family::Inet)),
            Change::Flush(Family::Inet6) => Operation::Flush(Some(rcu_table::Family::Inet6)),
        }
    }

    fn change(&self, change: Change, step: u32) -> Result {
        self.operation(change, step).apply(&self.table)
    }

    fn transaction(&self, changes: &[Change], step: u32) -> Transaction {
        let mut transaction = Transaction::new();
        for &change in changes {
            transaction.push(self.operation(change, step)).unwrap();
        }
        transaction
    }

    fn reload(&self, changes: &[Change], step: u32) -> Reload {
        let mut reload = Reload::new(self.table.clone()).unwrap();
        for &change in changes {
            reload.apply(&self.operation(change, step)).unwrap();
        }
        reload
    }

    fn perform(&self, action: &Action, step: u32) {
        match action {
            Action::One(change) => self.change(*change, step).unwrap(),
            Action::Commit(changes) => {
                let transaction = self.transaction(changes, step);
                transaction.commit(&self.table).unwrap();
            }
            Action::Refuse(changes) => {
                let transaction = self.transaction(changes, step);
                let failure = transaction.commit(&self.table).unwrap_err();
                assert_eq!(failure.index, changes.len() - 1, "{failure:?}");
            }
            Action::Abort(changes) => drop(self.transaction(changes, step)),
            Action::Reload(changes) => self.reload(changes, step).commit().unwrap(),
            Action::AbortReload(changes) => drop(self.reload(changes, step)),
        }
    }

    /// Changes the table until the time is over; then compares it with what it should be.
    fn write(&self) -> u32 {
        let _stop = self.stop.on_drop();
        let mut random = Random::new(7);
        let mut plan = Plan::new(&self.universe, |bound| random.below(bound));
        let mut action = plan.first();
        let start = Instant::now();
        let mut waited = start;
        while start.elapsed() < duration() && !self.stop.is_set() {
            // Each mode comes up several times, and takes over what another has left.
            let turn = start.elapsed().as_millis() / 100;
            SETTINGS.set_reclaim(ReclaimMode::ALL[turn as usize % ReclaimMode::ALL.len()]);
            self.history.begin(plan.step, &plan.state);
            self.perform(&action, plan.step);
            self.history.end(plan.step);
            // At full speed, most of the time would go by in waiting for grace periods.
            let waits = waited.elapsed() > WAIT_EACH;
            action = plan.next(waits);
            if waits {
                waited = Instant::now();
            }
        }
        let is = dump(&self.table, Selector::All, 16);
        let mut should_be = Vec::new();
        // The last action was planned and not made.
        let last = plan.step - 1;
        for route in 0..universe::ROUTE_COUNT {
            match self.history.at(last, route) {
                0 => (),
                step => should_be.push(self.route(route, step)),
            }
        }
        should_be.sort_by_key(|route| (route.prefix, route.metric));
        assert_eq!(is, should_be);
        last
    }

    /// Lookups through one snapshot.
    fn look_up_together(
        &self,
        asked: &[usize],
        guard: &Guard,
        pause: bool,
    ) -> Vec<(usize, Option<Answer>)> {
        let snapshot = self.table.snapshot(guard);
        let look = |(index, &number): (usize, &usize)| {
            if pause && index == asked.len() / 2 {
                thread::sleep(Duration::from_micros(200));
            }
            let route = snapshot.lookup(self.universe.asked[number].address);
            (number, route.map(|route| self.answer(&route)))
        };
        asked.iter().enumerate().map(look).collect()
    }

    /// Looks things up until told to stop, and checks all that it is told.
    fn read(&self, seed: u64) -> Tally {
        let _stop = self.stop.on_drop();
        let mut random = Random::new(seed);
        let mut checker = Checker::new(&self.universe, &self.history);
        let batched = snapshot::batched(&self.universe);
        while !self.stop.is_set() {
            let guard = read_lock();
            for _ in 0..64 {
                let asked = random.below(self.universe.asked.len());
                let address = self.universe.asked[asked].address;
                let from = checker.open();
                let route = self.table.lookup(address, &guard);
                let window = checker.close(from);
                let answer = route.map(|route| self.answer(&route));
                checker.lookup(&window, asked, answer).unwrap();
            }
            for _ in 0..4 {
                let count = 2 + random.below(6);
                let asked: Vec<usize> = (0..count)
                    .map(|_| batched[random.below(batched.len())])
                    .collect();
                let from = checker.open();
                let answers = self.look_up_together(&asked, &guard, random.below(256) == 0);
                let window = checker.close(from);
                checker.group(&window, &answers).unwrap();
            }
            drop(guard);
            if random.below(16) == 0 {
                let from = checker.open();
                let routes = dump(&self.table, Selector::All, 1 + random.below(64));
                let window = checker.close(from);
                let found: Vec<_> = routes.iter().map(|route| self.answer(route)).collect();
                checker.dump(&window, &found).unwrap();
            }
        }
        checker.tally
    }
}

/// All that was retired, of all tables, and is so after a while: what was handed to `kvfree_rcu()`
/// is known to be gone when it is asked for after a grace period.
fn retired(table: &Table) -> (usize, usize) {
    let start = Instant::now();
    loop {
        barrier();
        let stats = table.stats();
        let retired = (stats.retired_objects, stats.retired_bytes);
        if retired == (0, 0) || start.elapsed() > Duration::from_secs(10) {
            return retired;
        }
    }
}

#[test]
fn readers_get_only_right_answers_while_one_writes_at_full_speed() {
    let before = live();
    let churn = Churn::new();
    let empty = own_stats(&churn.table);
    let (steps, tallies) = thread::scope(|scope| {
        let readers = [1, 2].map(|seed| {
            scope.spawn({
                let churn = &churn;
                move || churn.read(seed)
            })
        });
        let steps = churn.write();
        (
            steps,
            readers.map(|reader| reader.join().expect("a reader")),
        )
    });
    for tally in tallies {
        println!("{tally}");
        let Tally {
            lookups,
            raced,
            groups,
            dumps,
            lost,
            ..
        } = tally;
        assert!(
            raced > 100 && groups > 100 && dumps > 10,
            "too little was checked"
        );
        assert!(
            lost < (lookups + groups + dumps) / 10,
            "too much was not checked"
        );
    }
    println!("{steps} steps");
    assert!(steps > 100);

    assert_eq!(retired(&churn.table), (0, 0));
    churn.table.flush(None).unwrap();
    assert_eq!(retired(&churn.table), (0, 0));
    let end = own_stats(&churn.table);
    assert_eq!((end.objects, end.bytes), (empty.objects, empty.bytes));
    drop(churn);
    barrier();
    assert_eq!(live(), before);
}
