// SPDX-License-Identifier: GPL-2.0

//! The module's torture of the table in user space: without a bug it finds nothing, and it detects
//! each injected bug. `torture/table.rs` explains the method; this file has the threads.

// `torture/table.rs` imports these modules from the crate root, as in the kernel module.
use rcu_routes::{rcu, rcu_table};

#[path = "../../../../torture"]
mod torture {
    pub mod table;
}

use kernel::{
    alloc::{failslab, live},
    sync::Arc,
};
use rcu_routes::testing::{drain_callbacks, run_alone, Random, StopFlag, TIMEOUT};
use std::{
    env,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};
use torture::table::{
    Bug, FakeWriter, Finding, Read, ReadKind, Reader, Step, TableTorture, Writer,
};

/// Returns the duration of a run without a bug.
fn duration() -> Duration {
    let seconds = env::var("TORTURE_SECONDS").map_or(2, |text| text.parse().expect("seconds"));
    Duration::from_secs(seconds)
}

/// The steps and reads of a run.
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

    fn count_reads(&self, kind: ReadKind) -> usize {
        let same = |read: &&Read| read.kind == kind;
        self.reads.iter().filter(same).count()
    }

    fn raced(&self) -> usize {
        self.reads.iter().filter(|read| read.is_raced).count()
    }

    /// Returns the name of a kind of step or read that occurred too rarely.
    fn scarce(&self) -> Option<&'static str> {
        let mut steps = Step::ALL.iter().copied();
        let step = steps.find(|step| self.count(*step) == 0 && *step != Step::NoMemory);
        let mut kinds = ReadKind::ALL.into_iter();
        let kind = kinds.find(|kind| self.count_reads(*kind) <= 100);
        let raced = (self.raced() <= 100).then_some("raced");
        step.map(Step::name).or(kind.map(ReadKind::name)).or(raced)
    }

    fn show(&self) {
        for step in Step::ALL {
            println!("{}: {}", step.name(), self.count(*step));
        }
        for kind in ReadKind::ALL {
            println!("{}: {}", kind.name(), self.count_reads(kind));
        }
        println!("raced: {}", self.raced());
    }
}

/// Repeats a step until the flag is set or the step has a finding.
fn repeat<T>(
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

/// Runs a writer, two fake writers and two readers for `duration`, or until one has a finding.
/// `choose` replaces the random numbers of readers, and so selects the kinds of reads.
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
            repeat(stop, || writer.step(&mut below))
        }));
        for number in 0..2 {
            let mut writer = FakeWriter::new(torture.clone(), number);
            threads.push(scope.spawn(move || {
                let mut random = Random::new(10 + u64::from(number));
                let mut below = |bound: u32| random.below(bound as usize) as u32;
                let (_, finding) = repeat(stop, || writer.step(&mut below));
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
                repeat(stop, || reader.step(&mut below, &mut delay))
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

/// Keeps the random number.
fn any_read(_bound: u32, random: u32) -> u32 {
    random
}

/// Makes all reads of the kind that the number selects.
fn only(kind: u32) -> impl Fn(u32, u32) -> u32 {
    move |bound, random| if bound == 256 { kind } else { random }
}
const DUMPS: u32 = 0;
const GROUPS: u32 = 1;
const LOOKUPS: u32 = 255;

/// Runs with a bug and asserts that the finding is an expected one.
fn check_bug(
    bug: Bug,
    choose: impl Fn(u32, u32) -> u32 + Sync,
    is_expected: impl Fn(Finding) -> bool,
) {
    let _turn = run_alone();
    let before = live();
    let table = TableTorture::new(bug).expect("memory");
    let found = torture(&table, TIMEOUT, choose);
    drop(table);
    drain_callbacks();
    assert_eq!(live(), before, "memory was leaked");
    let finding = found.map(|_| bug).expect_err("a finding");
    assert!(is_expected(finding), "{finding}");
}

#[test]
fn a_run_without_a_bug_finds_nothing() {
    let _turn = run_alone();
    let before = live();
    let table = TableTorture::new(Bug::None).expect("memory");
    let start = Instant::now();
    let mut tally = Tally::default();
    // A busy machine needs several runs.
    while tally.scarce().is_some() && start.elapsed() < Duration::from_secs(60) {
        let more = torture(&table, duration(), any_read);
        tally.add(more.unwrap_or_else(|finding| panic!("{finding}")));
    }
    tally.show();
    assert_eq!(tally.scarce(), None);
    let end = table.check_at_end();
    end.unwrap_or_else(|finding| panic!("{finding}"));
    drop(table);
    drain_callbacks();
    assert_eq!(live(), before, "memory was leaked");
}

#[test]
fn a_node_reclaimed_too_early_is_detected() {
    check_bug(Bug::SkipGp, any_read, |finding| {
        matches!(finding, Finding::ReachedReclaimed { .. })
    });
}

#[test]
fn a_next_hop_reused_too_early_is_detected() {
    check_bug(Bug::ReuseBeforeGp, only(LOOKUPS), |finding| {
        matches!(
            finding,
            Finding::ChangedUnderReader { .. }
                | Finding::LookupForeign { .. }
                | Finding::LookupVersion { .. }
                | Finding::NextHopForeign { .. }
        )
    });
}

/// The writer makes 16 changes during each lookup.
#[test]
fn a_reuse_is_detected_by_most_lookups() {
    let _turn = run_alone();
    let table = TableTorture::new(Bug::ReuseBeforeGp).expect("memory");
    let mut writer = Writer::new(table.clone()).expect("memory, and no other writer");
    let mut reader = Reader::new(table).expect("memory");
    let (start, starts) = mpsc::channel();
    let (end, ends) = mpsc::channel();
    let detections = thread::scope(|scope| {
        scope.spawn(move || {
            let mut random = Random::new(5);
            for () in starts {
                for _ in 0..16 {
                    let step = writer.step(&mut |bound| random.below(bound as usize) as u32);
                    step.unwrap_or_else(|finding| panic!("{finding}"));
                }
                end.send(()).expect("a reader");
            }
        });
        let mut random = Random::new(6);
        let choose = only(LOOKUPS);
        let mut below = |bound: u32| choose(bound, random.below(bound as usize) as u32);
        let mut during = || {
            start.send(()).expect("a writer");
            ends.recv().expect("a writer");
        };
        let lookups = 0..100;
        let detections = lookups.filter(|_| reader.step(&mut below, &mut during).is_err());
        let detections = detections.count();
        drop(start);
        detections
    });
    assert!(detections >= 50, "{detections} of 100 lookups");
}

#[test]
fn a_lost_callback_is_detected_at_the_end() {
    let _turn = run_alone();
    let before = live();
    let table = TableTorture::new(Bug::LostCallback).expect("memory");
    let tally = torture(&table, Duration::from_millis(300), any_read);
    tally.unwrap_or_else(|finding| panic!("{finding}"));
    let found = table.check_at_end();
    let is_found = matches!(found, Err(Finding::NotReclaimed { objects: 1.. }));
    assert!(is_found, "{found:?}");
    drop(table);
    drain_callbacks();
    assert_eq!(live(), before, "the lost batch was leaked");
}

#[test]
fn lookups_detect_an_invalid_version() {
    check_bug(Bug::LateAnnouncement, only(LOOKUPS), |finding| {
        matches!(
            finding,
            Finding::LookupVersion { .. } | Finding::LookupMissed { .. }
        )
    });
}

#[test]
fn snapshots_detect_an_invalid_version() {
    check_bug(Bug::LateAnnouncement, only(GROUPS), |finding| {
        matches!(finding, Finding::SnapshotVersion { .. })
    });
}

#[test]
fn dumps_detect_an_invalid_version() {
    check_bug(Bug::LateAnnouncement, only(DUMPS), |finding| {
        matches!(
            finding,
            Finding::DumpVersion { .. } | Finding::DumpMissed { .. }
        )
    });
}

#[test]
fn snapshots_detect_half_a_transaction() {
    check_bug(Bug::TornTransaction, only(GROUPS), |finding| {
        matches!(finding, Finding::Torn { .. })
    });
}

/// Returns the finding of one kind of read in a table that has lost single changes.
fn finding_after_lost_changes(kind: u32) -> Finding {
    let _turn = run_alone();
    let table = TableTorture::new(Bug::LostChange).expect("memory");
    let mut writer = Writer::new(table.clone()).expect("memory, and no other writer");
    let mut random = Random::new(3);
    // Make single changes only. The first change of a prefix adds it.
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
fn lookups_detect_a_missing_route() {
    let finding = finding_after_lost_changes(LOOKUPS);
    assert!(matches!(finding, Finding::LookupMissed { .. }), "{finding}");
}

#[test]
fn dumps_detect_a_missing_route() {
    let finding = finding_after_lost_changes(DUMPS);
    assert!(matches!(finding, Finding::DumpMissed { .. }), "{finding}");
}

#[test]
fn a_change_without_memory_changes_nothing() {
    let _turn = run_alone();
    let table = TableTorture::new(Bug::None).expect("memory");
    let mut writer = Writer::new(table.clone()).expect("memory, and no other writer");
    let mut fake = FakeWriter::new(table.clone(), 0);
    let mut reader = Reader::new(table.clone()).expect("memory");
    let mut random = Random::new(4);
    let mut without_memory = 0;
    for _ in 0..1000 {
        let injection = failslab::fail_nth(1 + random.below(12) as u64);
        let mut below = |bound: u32| random.below(bound as usize) as u32;
        let steps = [writer.step(&mut below), fake.step(&mut below)];
        drop(injection);
        for step in steps {
            let step = step.unwrap_or_else(|finding| panic!("{finding}"));
            without_memory += usize::from(step == Step::NoMemory);
        }
        for _ in 0..8 {
            let read = reader.step(&mut below, &mut || ());
            read.unwrap_or_else(|finding| panic!("{finding}"));
        }
    }
    assert!(without_memory > 100, "only {without_memory} failed");
    let end = table.check_at_end();
    end.unwrap_or_else(|finding| panic!("{finding}"));
}

#[test]
fn a_second_writer_is_rejected() {
    let _turn = run_alone();
    let table = TableTorture::new(Bug::None).expect("memory");
    let writer = Writer::new(table.clone()).expect("memory, and no other writer");
    let second = Writer::new(table.clone());
    assert_eq!(second.err(), Some(kernel::error::code::EBUSY));
    drop(writer);
    assert!(Writer::new(table).is_ok());
}
