// SPDX-License-Identifier: GPL-2.0

//! Readers that are timed while all of them read.

use super::run::Run;
use crate::kernel_ext::{
    cpu,
    kthread::{preemptions, Attributes, Kthread},
    sched,
};
use core::{
    hint,
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};
use kernel::{prelude::*, sync::Arc};

/// Passes that are timed together: enough that the clock costs little, and few enough that most batches are not
/// disturbed.
pub(super) const BATCH: usize = 4096;

/// Nanoseconds after which a reader, at the end of a batch, lets others run that wait for its CPU. By time: where locks
/// are handed over slowly, as between emulated CPUs, a batch may take a second.
const POLITE: u64 = 2_000_000;

/// Turns of waiting after which a reader looks around, and lets others run.
const PATIENCE: usize = 10_000;
/// The same where it should not be away when it goes on. Without preemption it may keep the last one from coming:
/// who takes a CPU offline stops that reader's, and then waits for this one.
const LONG_PATIENCE: usize = 1_000_000;

/// What readers do.
pub(super) trait Work: Send + Sync + 'static {
    /// Does [`BATCH`] passes. Which batch it is only matters to who walks through something.
    ///
    /// Context: a thread bound to a CPU.
    fn pass(&self, reader: usize, batch: usize);
}

/// What was found in one run.
pub(super) struct Measured {
    /// Picoseconds a pass, on the readers' own clocks; none if no batch was left alone.
    pub(super) own_ps: Option<u64>,
    /// Picoseconds a pass of one reader, from the first reader's start to the last one's end.
    pub(super) wall_ps: u64,
    /// Batches in which a reader lost its CPU.
    pub(super) dropped: u64,
}

/// What one reader has found; on cache lines of its own.
#[repr(align(128))]
#[derive(Default)]
struct Tally {
    first: AtomicU64,
    last: AtomicU64,
    /// Nanoseconds of the batches that count.
    time: AtomicU64,
    kept: AtomicU64,
}

struct Experiment<W> {
    run: Arc<Run>,
    work: W,
    batches: usize,
    arrived: AtomicUsize,
    /// Those that know that all have arrived.
    ready: AtomicUsize,
    done: AtomicUsize,
    /// Not all readers could be started.
    is_abandoned: AtomicBool,
    tallies: KVec<Tally>,
}

/// Has so many readers do `work`, a CPU each; none if the run was stopped meanwhile.
///
/// Errors: those of [`Kthread::spawn`]. Context: may sleep.
pub(super) fn measure(run: &Arc<Run>, readers: u32, work: impl Work) -> Result<Option<Measured>> {
    let mut tallies = KVec::with_capacity(readers as usize, GFP_KERNEL)?;
    for _ in 0..readers {
        tallies.push(Tally::default(), GFP_KERNEL)?;
    }
    let experiment = Experiment {
        run: run.clone(),
        work,
        batches: (run.plan.loops as usize).div_ceil(BATCH).max(1),
        arrived: AtomicUsize::new(0),
        ready: AtomicUsize::new(0),
        done: AtomicUsize::new(0),
        is_abandoned: AtomicBool::new(false),
        tallies,
    };
    let experiment = Arc::new(experiment, GFP_KERNEL)?;
    let mut threads = KVec::with_capacity(readers as usize, GFP_KERNEL)?;
    let started = start(&experiment, &mut threads);
    if started.is_err() {
        // Those that are there shall not wait for the others.
        experiment.is_abandoned.store(true, Ordering::Relaxed);
    }
    // They are joined.
    drop(threads);
    started?;
    Ok((!run.is_stopped()).then(|| experiment.evaluate()))
}

/// Starts the readers.
fn start<W: Work>(experiment: &Arc<Experiment<W>>, threads: &mut KVec<Kthread>) -> Result {
    let readers = experiment.tallies.len();
    for (reader, cpu) in cpu::online().take(readers).enumerate() {
        let shared = experiment.clone();
        let attributes = Attributes {
            cpu: Some(cpu),
            ..Attributes::default()
        };
        let read = move || shared.read(reader);
        let thread = Kthread::spawn(c"rcu_scale_reader", attributes, read)?;
        threads.push(thread, GFP_KERNEL)?;
    }
    match threads.len() == readers {
        true => Ok(()),
        // A CPU has gone offline.
        false => Err(ENXIO),
    }
}

impl<W: Work> Experiment<W> {
    fn is_over(&self) -> bool {
        self.is_abandoned.load(Ordering::Relaxed) || self.run.is_stopped()
    }

    /// What a reader's thread does.
    fn read(&self, reader: usize) {
        let Some(tally) = self.tallies.get(reader) else {
            return;
        };
        self.work.pass(reader, 0);
        if self.meet() {
            self.time(reader, tally);
        }
        // ORDERING: Release: who has waited for all readers may look at what they found.
        self.done.fetch_add(1, Ordering::Release);
        // Others are still being timed.
        let (mut batch, mut turn) = (0, Turn::begin(&self.run));
        while self.done.load(Ordering::Relaxed) < self.tallies.len() && !self.is_over() {
            self.work.pass(reader, batch);
            batch += 1;
            turn.end_if_long();
        }
    }

    /// Waits for all readers; false if some will not come.
    ///
    /// Who waits politely may be away when the last one comes. So they meet again at once, and there they stay.
    fn meet(&self) -> bool {
        self.wait_for_all(&self.arrived, PATIENCE) && self.wait_for_all(&self.ready, LONG_PATIENCE)
    }

    fn wait_for_all(&self, arrived: &AtomicUsize, patience: usize) -> bool {
        // ORDERING: Only the number matters.
        arrived.fetch_add(1, Ordering::Relaxed);
        let mut turns = 0;
        while arrived.load(Ordering::Relaxed) < self.tallies.len() {
            hint::spin_loop();
            turns += 1;
            if turns % patience == 0 {
                if self.is_over() {
                    return false;
                }
                sched::yield_now();
            }
        }
        true
    }

    fn time(&self, reader: usize, tally: &Tally) {
        let run = &*self.run;
        let first = run.now();
        let (mut time, mut kept, mut turn) = (0, 0, Turn::begin(run));
        for batch in 0..self.batches {
            let preempted = preemptions();
            let start = run.now();
            self.work.pass(reader, batch);
            let end = run.now();
            if preemptions() == preempted {
                time += end - start;
                kept += 1;
            }
            turn.end_if_long();
            if self.is_over() {
                break;
            }
        }
        // ORDERING: Relaxed: read after the thread was joined.
        tally.first.store(first, Ordering::Relaxed);
        tally.last.store(run.now(), Ordering::Relaxed);
        tally.time.store(time, Ordering::Relaxed);
        tally.kept.store(kept, Ordering::Relaxed);
    }

    /// Context: when all readers have been joined.
    fn evaluate(&self) -> Measured {
        let sum = |of: fn(&Tally) -> &AtomicU64| -> u64 {
            self.tallies
                .iter()
                .map(|tally| of(tally).load(Ordering::Relaxed))
                .sum()
        };
        let (time, kept) = (sum(|tally| &tally.time), sum(|tally| &tally.kept));
        let each = |of: fn(&Tally) -> &AtomicU64| {
            self.tallies
                .iter()
                .map(move |tally| of(tally).load(Ordering::Relaxed))
        };
        let first = each(|tally| &tally.first).min().unwrap_or(0);
        let last = each(|tally| &tally.last).max().unwrap_or(0);
        let all = (self.batches * self.tallies.len()) as u64;
        Measured {
            own_ps: (time * 1000).checked_div(kept * BATCH as u64),
            wall_ps: ((last - first) * 1000)
                .checked_div((self.batches * BATCH) as u64)
                .unwrap_or(0),
            dropped: all - kept,
        }
    }
}

/// A reader's time on its CPU.
struct Turn<'r> {
    run: &'r Run,
    began: u64,
}

impl<'r> Turn<'r> {
    fn begin(run: &'r Run) -> Self {
        Self {
            run,
            began: run.now(),
        }
    }

    /// Lets those run that wait for the CPU, if it is their turn.
    fn end_if_long(&mut self) {
        if self.run.now() - self.began >= POLITE {
            sched::yield_now();
            self.began = self.run.now();
        }
    }
}
