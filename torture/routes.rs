// SPDX-License-Identifier: GPL-2.0

//! A run on a route table: threads that call the steps of [`super::table`].

use super::{
    bug::Bug,
    counters::{Count, Counters},
    findings::Finding,
    reader,
    run::Run,
    table::{self, FakeWriter, Reader, Step, TableTorture, Writer},
    threads::{TortureThreads, LOWEST, NORMAL},
};
use crate::kernel_ext::{delay::sleep_ms, kthread::preemptions, random::Random, sched::yield_now};
use kernel::{prelude::*, sync::Arc};

/// Findings of each kind that are logged in full.
const LOGGED_IN_FULL: u64 = 3;

/// Tortures a table.
///
/// Errors: `ENOMEM`. Context: may sleep, for as long as the run lasts.
pub(super) fn torture(run: &Arc<Run>) -> Result {
    let table = TableTorture::new(table_bug(run.plan.bug))?;
    let result = run_threads(run, &table);
    if let Err(finding) = table.check_at_end() {
        note(run, &finding);
    }
    result
}

/// Returns the table's counterpart of the parameter `bug`.
fn table_bug(bug: Bug) -> table::Bug {
    match bug {
        Bug::None => table::Bug::None,
        Bug::SkipGp | Bug::EarlyFree => table::Bug::SkipGp,
        Bug::PlainStore => table::Bug::LateAnnouncement,
        Bug::LostCallback => table::Bug::LostCallback,
        Bug::ReuseBeforeGp => table::Bug::ReuseBeforeGp,
        Bug::TornTransaction => table::Bug::TornTransaction,
        Bug::LostChange => table::Bug::LostChange,
    }
}

/// Counts a finding; logs the first ones in full.
fn note(run: &Run, found: &table::Finding) {
    use table::Finding as Found;
    let (finding, figure) = match found {
        Found::LookupVersion { .. }
        | Found::LookupMissed { .. }
        | Found::LookupForeign { .. }
        | Found::NextHopForeign { .. }
        | Found::SnapshotVersion { .. } => (Finding::TableAnswer, 0),
        Found::ReachedReclaimed { depth, .. } => (Finding::TableReclaimed, *depth),
        Found::ChangedUnderReader { .. } => (Finding::TableChanged, 0),
        Found::Torn { .. } => (Finding::TableTorn, 0),
        Found::DumpVersion { .. }
        | Found::DumpMissed { .. }
        | Found::DumpForeign { .. }
        | Found::DumpOrder { .. } => (Finding::TableDump, 0),
        Found::ChangeFailed { .. }
        | Found::TransactionFailed { .. }
        | Found::ReloadFailed { .. }
        | Found::FlushFailed { .. }
        | Found::NotRefused => (Finding::TableChange, 0),
        Found::NotEmpty { bytes, .. } => (Finding::TableLost, *bytes),
        Found::NotReclaimed { objects } => (Finding::TableLost, *objects),
    };
    if run.findings.times(finding) < LOGGED_IN_FULL {
        run.findings.log(format_args!("table: {found}"));
    }
    run.findings.note(finding, figure as u64);
}

fn run_threads(run: &Arc<Run>, table: &Arc<TableTorture>) -> Result {
    let mut threads = TortureThreads::new(run);
    // Before the readers, as in `pointers.rs`.
    let writer = Writer::new(table.clone())?;
    threads.spawn(c"rcu_torture_writer", NORMAL, move |run| write(run, writer))?;
    // On a busy machine a reader of the lowest priority would run too rarely to detect the bug.
    let priority = match run.plan.bug {
        Bug::None => LOWEST,
        _ => NORMAL,
    };
    // The first counters are for interrupts, in which no reader of tables runs.
    for counters in run.readers.iter().skip(1) {
        let (reader, counters) = (Reader::new(table.clone())?, counters.clone());
        threads.spawn(c"rcu_torture_reader", priority, move |run| {
            read(run, reader, &counters);
        })?;
    }
    for number in (0..).take(run.plan.fake_writers) {
        let writer = FakeWriter::new(table.clone(), number);
        threads.spawn(c"rcu_torture_fakewriter", LOWEST, move |run| {
            write_fake(run, writer);
        })?;
    }
    threads.spawn_disturbances()?;
    threads.supervise();
    Ok(())
}

fn read(run: &Run, mut table: Reader, counters: &Counters) {
    let mut choices = Random::new();
    let mut delays = Random::new();
    let mut steps = 0_u32;
    while run.should_continue(&mut delays) {
        let mut reader = reader::Reader {
            run,
            counters,
            random: &mut delays,
        };
        let mut stay = || {
            let before = preemptions();
            match run.plan.bug {
                Bug::ReuseBeforeGp => reader.delay_for_updates(),
                _ => reader.delay(),
            }
            if preemptions() != before {
                counters.count(Count::PreemptedReads);
            }
        };
        match table.step(&mut |end| choices.below(end), &mut stay) {
            Ok(read) => {
                counters.count(Count::Reads);
                counters.count_named(read.kind.name());
                if read.is_raced {
                    counters.count(Count::RacedReads);
                }
            }
            Err(finding) => note(run, &finding),
        }
        steps = steps.wrapping_add(1);
        if steps % 64 == 0 {
            yield_now();
        }
    }
}

fn write(run: &Run, mut table: Writer) {
    let mut random = Random::new();
    while run.should_continue(&mut random) {
        match table.step(&mut |end| random.below(end)) {
            Ok(step) => {
                run.counters.count(Count::Updates);
                run.counters.count_named(step.name());
            }
            Err(finding) => note(run, &finding),
        }
        if random.one_in(64) {
            sleep_ms(1 + random.below(5));
        }
    }
}

fn write_fake(run: &Run, mut table: FakeWriter) {
    let mut random = Random::new();
    while run.should_continue(&mut random) {
        match table.step(&mut |end| random.below(end)) {
            Ok(Step::NoMemory) => run.counters.count(Count::OutOfMemory),
            Ok(_) => run.counters.count(Count::FakeUpdates),
            Err(finding) => note(run, &finding),
        }
        if random.one_in(64) {
            sleep_ms(1 + random.below(5));
        }
    }
}
