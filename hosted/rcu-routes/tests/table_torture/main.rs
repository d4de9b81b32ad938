// SPDX-License-Identifier: GPL-2.0

//! The module's torture of the table, in user space: without a bug nothing is found, and with each
//! bug what it does wrong. `torture/table.rs` says how it works; the threads are made here.

// What `table` expects beside it in the module.
use rcu_routes::{rcu, rcu_table};

#[path = "../../../../torture"]
mod torture {
    pub mod table;
}

use kernel::{
    alloc::{failslab, live},
    sync::Arc,
};
use rcu_routes::testing::{Random, StopFlag};
use std::{
    env,
    sync::{Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};
use torture::table::{Bug, FakeWriter, Finding, Read, Reader, Reading, Step, TableTorture, Writer};

/// How long nothing must be found.
fn duration() -> Duration {
    let seconds = env::var("TORTURE_SECONDS").map_or(2, |text| text.parse().expect("seconds"));
    Duration::from_secs(seconds)
}

/// How long a bug may stay unnoticed.
const PATIENCE: Duration = Duration::from_secs(5);

/// The settings, and the count of nodes in quarantine, are shared. Nothing is left of the test
/// before.
fn one_at_a_time() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    let one = ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    settle();
    one
}

/// Waits for callbacks, and for those that these have queued.
fn settle() {
    rcu::barrier();
    rcu::barrier();
}

/// Of each kind, how many.
#[derive(Debug, Default)]
struct Tally {
    steps: Vec<Step>,
    reads: Vec<Read>,
}

impl Tally {
    fn add(&mut self, more: Self) {
        self.steps.extend(more.steps);
        self.reads.extend(more.reads);
    }

    fn count(&self, step: Step) -> usize {
        self.steps.iter().filter(|other| **other == step).count()
    }

    fn read(&self, reading: Reading) -> usize {
        let same = |read: &&Read| read.reading == reading;
        self.reads.iter().filter(same).count()
    }

    fn raced(&self) -> usize {
        self.reads.iter().filter(|read| read.raced).count()
    }

    /// What there was too little of.
    fn lacks(&self) -> Option<&'static str> {
        let mut steps = Step::ALL.iter().copied();
        let step = steps.find(|step| self.count(*step) == 0 && *step != Step::NoMemory);
        let mut reads = Reading::ALL.into_iter();
        let reading = reads.find(|reading| self.read(*reading) <= 100);
        let raced = (self.raced() <= 100).then_some("raced");
        step.map(Step::name)
            .or(reading.map(Reading::name))
            .or(raced)
    }

    fn show(&self) {
        for step in Step::ALL {
            println!("{}: {}", step.name(), self.count(*step));
        }
        for reading in Reading::ALL {
            println!("{}: {}", reading.name(), self.read(reading));
        }
        println!("raced: {}", self.raced());
    }
}

/// What a thread does again and again; says what it found.
fn go_on<T>(
    stop: &StopFlag,
    mut step: impl FnMut() -> Result<T, Finding>,
) -> (Vec<T>, Option<Finding>) {
    let _stop = stop.on_drop();
    let mut done = Vec::new();
    while !stop.is_set() {
        match step() {
            Ok(one) => done.push(one),
            Err(finding) => return (done, Some(finding)),
        }
    }
    (done, None)
}

/// A writer, two fake ones and two readers at once, for that long or until one finds something.
/// `choose` may choose the kinds of reads: it changes the random numbers of readers.
fn torture(
    torture: &Arc<TableTorture>,
    duration: Duration,
    choose: impl Fn(u32, u32) -> u32 + Sync,
) -> Result<Tally, Finding> {
    let stop = &StopFlag::new();
    let choose = &choose;
    thread::scope(|scope| {
        let mut threads = Vec::new();
        let mut writer = Writer::new(torture.clone()).expect("memory, and no other writer");
        threads.push(scope.spawn(move || {
            let mut random = Random::new(1);
            let mut below = |bound: u32| random.below(bound as usize) as u32;
            go_on(stop, || writer.step(&mut below))
        }));
        for number in 0..2 {
            let mut writer = FakeWriter::new(torture.clone(), number);
            threads.push(scope.spawn(move || {
                let mut random = Random::new(10 + u64::from(number));
                let mut below = |bound: u32| random.below(bound as usize) as u32;
                let (_, finding) = go_on(stop, || writer.step(&mut below));
                (Vec::new(), finding)
            }));
        }
        let readers = [1, 2].map(|number| {
            let mut reader = Reader::new(torture.clone()).expect("memory");
            scope.spawn(move || {
                let mut random = Random::new(20 + number);
                let mut pauses = Random::new(30 + number);
                let mut below = |bound: u32| choose(bound, random.below(bound as usize) as u32);
                let mut delay = || match pauses.below(256) {
                    0 => thread::sleep(Duration::from_micros(200)),
                    1..=15 => thread::yield_now(),
                    _ => (),
                };
                go_on(stop, || reader.step(&mut below, &mut delay))
            })
        });
        let start = Instant::now();
        while start.elapsed() < duration && !stop.is_set() {
            thread::sleep(Duration::from_millis(5));
        }
        drop(stop.on_drop());
        let (mut tally, mut findings) = (Tally::default(), Vec::new());
        for thread in threads {
            let (steps, finding) = thread.join().expect("a writer");
            tally.steps.extend(steps);
            findings.extend(finding);
        }
        for reader in readers {
            let (reads, finding) = reader.join().expect("a reader");
            tally.reads.extend(reads);
            findings.extend(finding);
        }
        findings.first().map_or(Ok(tally), |finding| Err(*finding))
    })
}

/// No choice.
fn any(_bound: u32, random: u32) -> u32 {
    random
}

/// All reads are of one kind: that which the number stands for.
fn only(kind: u32) -> impl Fn(u32, u32) -> u32 {
    move |bound, random| if bound == 256 { kind } else { random }
}
const DUMPS: u32 = 0;
const GROUPS: u32 = 1;
const LOOKUPS: u32 = 255;

/// What is found while threads run with a bug.
fn found(bug: Bug, choose: impl Fn(u32, u32) -> u32 + Sync) -> Finding {
    let _one = one_at_a_time();
    let before = live();
    let table = TableTorture::new(bug).expect("memory");
    let found = torture(&table, PATIENCE, choose);
    drop(table);
    settle();
    assert_eq!(live(), before, "the memory is back");
    let finding = found.map(|_| bug).expect_err("a finding");
    println!("{finding}");
    finding
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    let _one = one_at_a_time();
    let before = live();
    let table = TableTorture::new(Bug::None).expect("memory");
    let start = Instant::now();
    let mut tally = Tally::default();
    // A busy machine takes longer to see enough.
    while tally.lacks().is_some() && start.elapsed() < Duration::from_secs(60) {
        let more = torture(&table, duration(), any);
        tally.add(more.unwrap_or_else(|finding| panic!("{finding}")));
    }
    tally.show();
    assert_eq!(tally.lacks(), None);
    let end = table.check_at_end();
    end.unwrap_or_else(|finding| panic!("{finding}"));
    drop(table);
    settle();
    assert_eq!(live(), before, "the memory is back");
}

#[test]
fn a_node_that_is_reclaimed_too_early_is_found() {
    let finding = found(Bug::SkipGp, any);
    assert!(
        matches!(finding, Finding::ReachedReclaimed { .. }),
        "{finding}"
    );
}

#[test]
fn a_next_hop_that_is_reused_too_early_is_found() {
    let finding = found(Bug::ReuseBeforeGp, only(LOOKUPS));
    assert!(
        matches!(
            finding,
            Finding::ChangedUnderReader { .. }
                | Finding::LookupForeign { .. }
                | Finding::LookupVersion { .. }
                | Finding::NextHopForeign { .. }
        ),
        "{finding}"
    );
}

#[test]
fn a_callback_that_is_lost_is_found_at_the_end() {
    let _one = one_at_a_time();
    let before = live();
    let table = TableTorture::new(Bug::LostCallback).expect("memory");
    let tally = torture(&table, Duration::from_millis(300), any);
    tally.unwrap_or_else(|finding| panic!("{finding}"));
    assert_eq!(
        table.check_at_end(),
        Err(Finding::NotReclaimed { objects: 1 })
    );
    drop(table);
    settle();
    assert_eq!(live(), before, "what was lost has been freed");
}

#[test]
fn lookups_find_a_version_that_is_not_valid() {
    let finding = found(Bug::LateAnnouncement, only(LOOKUPS));
    assert!(
        matches!(
            finding,
            Finding::LookupVersion { .. } | Finding::LookupMissed { .. }
        ),
        "{finding}"
    );
}

#[test]
fn snapshots_find_a_version_that_is_not_valid() {
    let finding = found(Bug::LateAnnouncement, only(GROUPS));
    assert!(
        matches!(finding, Finding::SnapshotVersion { .. }),
        "{finding}"
    );
}

#[test]
fn dumps_find_a_version_that_is_not_valid() {
    let finding = found(Bug::LateAnnouncement, only(DUMPS));
    assert!(
        matches!(
            finding,
            Finding::DumpVersion { .. } | Finding::DumpMissed { .. }
        ),
        "{finding}"
    );
}

#[test]
fn snapshots_find_half_a_transaction() {
    let finding = found(Bug::TornTransaction, only(GROUPS));
    assert!(matches!(finding, Finding::Torn { .. }), "{finding}");
}

/// What one kind of read finds in a quiet table in which single changes were lost.
fn found_lost(kind: u32) -> Finding {
    let _one = one_at_a_time();
    let table = TableTorture::new(Bug::LostChange).expect("memory");
    let mut writer = Writer::new(table.clone()).expect("memory, and no other writer");
    let mut random = Random::new(3);
    // Single changes only, of which the first of each prefix adds it.
    let mut single = |bound: u32| match bound {
        512 => 511,
        bound => random.below(bound as usize) as u32,
    };
    for _ in 0..8 {
        assert_eq!(writer.step(&mut single), Ok(Step::Add));
    }
    let mut reader = Reader::new(table).expect("memory");
    let choose = only(kind);
    let mut below = |bound: u32| choose(bound, random.below(bound as usize) as u32);
    let found = (0..10_000).find_map(|_| reader.step(&mut below, &mut || ()).err());
    found.expect("a finding")
}

#[test]
fn lookups_find_a_route_missing() {
    let finding = found_lost(LOOKUPS);
    assert!(matches!(finding, Finding::LookupMissed { .. }), "{finding}");
}

#[test]
fn dumps_find_a_route_missing() {
    let finding = found_lost(DUMPS);
    assert!(matches!(finding, Finding::DumpMissed { .. }), "{finding}");
}

#[test]
fn a_change_that_found_no_memory_has_not_happened() {
    let _one = one_at_a_time();
    let table = TableTorture::new(Bug::None).expect("memory");
    let mut writer = Writer::new(table.clone()).expect("memory, and no other writer");
    let mut fake = FakeWriter::new(table.clone(), 0);
    let mut reader = Reader::new(table.clone()).expect("memory");
    let mut random = Random::new(4);
    let mut none = 0;
    for _ in 0..1000 {
        let injection = failslab::fail_nth(1 + random.below(12) as u64);
        let mut below = |bound: u32| random.below(bound as usize) as u32;
        let steps = [writer.step(&mut below), fake.step(&mut below)];
        drop(injection);
        for step in steps {
            let step = step.unwrap_or_else(|finding| panic!("{finding}"));
            none += usize::from(step == Step::NoMemory);
        }
        for _ in 0..8 {
            let read = reader.step(&mut below, &mut || ());
            read.unwrap_or_else(|finding| panic!("{finding}"));
        }
    }
    assert!(none > 100, "memory was short {none} times");
    let end = table.check_at_end();
    end.unwrap_or_else(|finding| panic!("{finding}"));
}

#[test]
fn there_is_one_writer_at_a_time() {
    let _one = one_at_a_time();
    let table = TableTorture::new(Bug::None).expect("memory");
    let writer = Writer::new(table.clone()).expect("memory, and no other writer");
    let second = Writer::new(table.clone());
    assert_eq!(second.err(), Some(kernel::error::code::EBUSY));
    drop(writer);
    assert!(Writer::new(table).is_ok());
}
