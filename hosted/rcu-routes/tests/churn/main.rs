// SPDX-License-Identifier: GPL-2.0

//! One thread changes the table at full speed by single changes, transactions, reloads and flushes,
//! in all reclaim modes. Two readers look up and dump; each answer must have been right at some
//! time during its call. Afterwards the table has the expected contents and leaks nothing.
//!
//! `CHURN_SECONDS` sets the duration. AddressSanitizer runs this too.

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
use plan::{Action, Change, Planner};
use rcu_routes::{
    rcu::barrier,
    rcu_table::{
        self, read_lock, Guard, Mode, NextHop, Operation, Prefix, ReclaimMode, Reload, Route,
        Selector, Settings, Table, Transaction,
    },
    testing::{dump, own_stats, table_with_settings, wait_until, Random, StopFlag},
};
use std::{
    env, thread,
    time::{Duration, Instant},
};
use universe::{Answer, Family, Universe};

static SETTINGS: Settings = Settings::new();

/// The interval between steps that wait for a grace period.
const WAIT_INTERVAL: Duration = Duration::from_millis(20);

/// Returns the duration of the writer's run.
fn duration() -> Duration {
    let seconds = env::var("CHURN_SECONDS").map_or(4, |text| text.parse().expect("seconds"));
    Duration::from_secs(seconds)
}

/// The table under test and its history.
struct Churn {
    table: Arc<Table>,
    universe: Universe,
    history: History,
    stop: StopFlag,
}

impl Churn {
    fn new() -> Self {
        Self {
            table: table_with_settings(&SETTINGS),
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
            panic!("{route} was never inserted");
        };
        let Route { prefix, metric, .. } = route;
        self.universe
            .answer(prefix.address(), prefix.len(), *metric, gateway)
            .unwrap_or_else(|| panic!("{route} was never inserted"))
    }

    fn operation(&self, change: Change, step: u32) -> Operation {
        match change {
            Change::Insert(mode, number) => {
                let mode = match mode {
                    plan::Mode::Add => Mode::Add,
                    plan::Mode::Change => Mode::Change,
                    plan::Mode::Replace => Mode::Replace,
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
            Action::Single(change) => self.change(*change, step).unwrap(),
            Action::Commit(changes) => {
                let transaction = self.transaction(changes, step);
                transaction.commit(&self.table).unwrap();
            }
            Action::Fail(changes) => {
                let transaction = self.transaction(changes, step);
                let failure = transaction.commit(&self.table).unwrap_err();
                assert_eq!(failure.index, Some(changes.len() - 1), "{failure:?}");
            }
            Action::Drop(changes) => drop(self.transaction(changes, step)),
            Action::Reload(changes) => self.reload(changes, step).commit().unwrap(),
            Action::DropReload(changes) => drop(self.reload(changes, step)),
        }
    }

    /// Changes the table until the time is over, then checks its contents. Returns the number of
    /// steps.
    fn write(&self) -> u32 {
        let _stop = self.stop.on_drop();
        let mut random = Random::new(7);
        let mut plan = Planner::new(&self.universe, |bound| random.below(bound));
        let mut action = plan.first();
        let start = Instant::now();
        let mut waited = start;
        while start.elapsed() < duration() && !self.stop.is_set() {
            // The modes alternate while memory that another mode retired awaits reclaim.
            let turn = start.elapsed().as_millis() / 100;
            SETTINGS.set_reclaim(ReclaimMode::ALL[turn as usize % ReclaimMode::ALL.len()]);
            self.history.begin(plan.step, &plan.state);
            self.perform(&action, plan.step);
            self.history.end(plan.step);
            // At full speed, most of the time would be spent waiting for grace periods.
            let waits = waited.elapsed() > WAIT_INTERVAL;
            action = plan.next(waits);
            if waits {
                waited = Instant::now();
            }
        }
        let found = dump(&self.table, Selector::All, 16);
        let mut expected = Vec::new();
        // The last action was planned but not performed.
        let last = plan.step - 1;
        for route in 0..universe::ROUTE_COUNT {
            match self.history.at(last, route) {
                0 => (),
                step => expected.push(self.route(route, step)),
            }
        }
        expected.sort_by_key(|route| (route.prefix, route.metric));
        assert_eq!(found, expected);
        last
    }

    /// Looks up several addresses in one snapshot.
    fn look_up_in_snapshot(
        &self,
        queries: &[usize],
        guard: &Guard,
        pause: bool,
    ) -> Vec<(usize, Option<Answer>)> {
        let snapshot = self.table.snapshot(guard);
        let look_up = |(index, &number): (usize, &usize)| {
            if pause && index == queries.len() / 2 {
                thread::sleep(Duration::from_micros(200));
            }
            let route = snapshot.lookup(self.universe.queries[number].address);
            (number, route.map(|route| self.answer(&route)))
        };
        queries.iter().enumerate().map(look_up).collect()
    }

    /// Looks up and dumps until the flag is set, and checks every answer.
    fn read(&self, seed: u64) -> Tally {
        let _stop = self.stop.on_drop();
        let mut random = Random::new(seed);
        let mut checker = Checker::new(&self.universe, &self.history);
        let batched = snapshot::batched(&self.universe);
        while !self.stop.is_set() {
            let guard = read_lock();
            for _ in 0..64 {
                let query = random.below(self.universe.queries.len());
                let address = self.universe.queries[query].address;
                let from = checker.open();
                let route = self.table.lookup(address, &guard);
                let window = checker.close(from);
                let answer = route.map(|route| self.answer(&route));
                checker.lookup(&window, query, answer).unwrap();
            }
            for _ in 0..4 {
                let count = 2 + random.below(6);
                let queries: Vec<usize> = (0..count)
                    .map(|_| batched[random.below(batched.len())])
                    .collect();
                let from = checker.open();
                let answers = self.look_up_in_snapshot(&queries, &guard, random.below(256) == 0);
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

/// Waits until nothing is retired. Reading the statistics detects the end of `kvfree_rcu()`'s grace
/// period.
fn wait_for_reclaim(table: &Table) {
    wait_until("everything is reclaimed", || {
        barrier();
        let stats = table.stats().unwrap();
        (stats.retired_objects, stats.retired_bytes) == (0, 0)
    });
}

#[test]
fn readers_get_right_answers_while_a_writer_changes_the_table() {
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
            skipped,
            ..
        } = tally;
        assert!(raced > 100 && groups > 100 && dumps > 10, "too few checks");
        assert!(
            skipped < (lookups + groups + dumps) / 10,
            "too many checks were skipped"
        );
    }
    println!("{steps} steps");
    assert!(steps > 100);

    wait_for_reclaim(&churn.table);
    churn.table.flush(None).unwrap();
    wait_for_reclaim(&churn.table);
    let end = own_stats(&churn.table);
    assert_eq!((end.objects, end.bytes), (empty.objects, empty.bytes));
    drop(churn);
    barrier();
    assert_eq!(live(), before);
}
