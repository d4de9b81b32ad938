// SPDX-License-Identifier: GPL-2.0

//! Times readers while all of them read.

use super::{row::PassTimes, run::Run};
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

/// Passes that are timed together: enough to make the cost of the clock small, and few enough to
/// leave most batches undisturbed.
pub(super) const BATCH: usize = 4096;

/// A reader yields its CPU at the end of a batch after this time. The unit is time, not batches:
/// between emulated CPUs locks are handed over slowly, and a batch may take a second.
const YIELD_INTERVAL_NS: u64 = 2_000_000;

/// Polls after which a waiting reader yields its CPU.
const POLLS_BEFORE_YIELD: usize = 10_000;
/// The same in the second wait, during which a reader should keep its CPU. It must yield
/// eventually: to take a CPU offline, the kernel first stops the reader on that CPU. Without
/// preemption it then waits until this reader yields.
const POLLS_BEFORE_LATE_YIELD: usize = 1_000_000;

/// The work of readers.
pub(super) trait Work: Send + Sync + 'static {
    /// Runs [`BATCH`] passes. `batch` selects the input, if there is any.
    ///
    /// Context: a thread bound to a CPU.
    fn run_batch(&self, reader: usize, batch: usize);
}

/// The times of one reader, on cache lines of its own.
#[repr(align(128))]
#[derive(Default)]
struct Tally {
    first_ns: AtomicU64,
    last_ns: AtomicU64,
    /// Duration of the batches that were kept.
    total_ns: AtomicU64,
    kept: AtomicU64,
}

struct Rendezvous<W> {
    run: Arc<Run>,
    work: W,
    batches: usize,
    /// Readers that have started.
    arrived: AtomicUsize,
    /// Readers that have seen all readers arrive.
    ready: AtomicUsize,
    /// Readers that have run their last batch.
    done: AtomicUsize,
    /// Some readers could not be started.
    is_abandoned: AtomicBool,
    tallies: KVec<Tally>,
}

/// Times `readers` readers that do `work`, each on a CPU of its own. Returns `None` if the run was
/// stopped meanwhile.
///
/// Errors: `ENXIO` if a CPU goes offline, and those of [`Kthread::spawn`]. Context: may sleep.
pub(super) fn measure(run: &Arc<Run>, readers: u32, work: impl Work) -> Result<Option<PassTimes>> {
    let mut tallies = KVec::with_capacity(readers as usize, GFP_KERNEL)?;
    for _ in 0..readers {
        tallies.push(Tally::default(), GFP_KERNEL)?;
    }
    let rendezvous = Rendezvous {
        run: run.clone(),
        work,
        batches: (run.plan.loops as usize).div_ceil(BATCH).max(1),
        arrived: AtomicUsize::new(0),
        ready: AtomicUsize::new(0),
        done: AtomicUsize::new(0),
        is_abandoned: AtomicBool::new(false),
        tallies,
    };
    let rendezvous = Arc::new(rendezvous, GFP_KERNEL)?;
    let mut threads = KVec::with_capacity(readers as usize, GFP_KERNEL)?;
    let started = spawn_readers(&rendezvous, &mut threads);
    if started.is_err() {
        // The started readers must not wait for the others.
        rendezvous.is_abandoned.store(true, Ordering::Relaxed);
    }
    // Joins them.
    drop(threads);
    started?;
    Ok((!run.is_stopped()).then(|| rendezvous.evaluate()))
}

fn spawn_readers<W: Work>(rendezvous: &Arc<Rendezvous<W>>, threads: &mut KVec<Kthread>) -> Result {
    let readers = rendezvous.tallies.len();
    for (reader, cpu) in cpu::online().take(readers).enumerate() {
        let shared = rendezvous.clone();
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

impl<W: Work> Rendezvous<W> {
    fn is_over(&self) -> bool {
        self.is_abandoned.load(Ordering::Relaxed) || self.run.is_stopped()
    }

    /// The function of a reader's thread.
    fn read(&self, reader: usize) {
        let Some(tally) = self.tallies.get(reader) else {
            return;
        };
        self.work.run_batch(reader, 0);
        if self.wait_for_readers() {
            self.time_batches(reader, tally);
        }
        // ORDERING: Relaxed: a count; the results are read after the threads are joined.
        self.done.fetch_add(1, Ordering::Relaxed);
        // Reads on, untimed, while other readers are timed.
        let (mut batch, mut turn) = (0, Turn::begin(&self.run));
        while self.done.load(Ordering::Relaxed) < self.tallies.len() && !self.is_over() {
            self.work.run_batch(reader, batch);
            batch += 1;
            turn.yield_if_due();
        }
    }

    /// Waits until all readers have started. Returns false if a reader cannot start, or the run is
    /// stopped.
    ///
    /// In the first wait a reader yields its CPU often, so it may not run when the last reader
    /// arrives. Therefore all readers wait a second time, and keep their CPUs meanwhile.
    fn wait_for_readers(&self) -> bool {
        self.wait_for_all(&self.arrived, POLLS_BEFORE_YIELD)
            && self.wait_for_all(&self.ready, POLLS_BEFORE_LATE_YIELD)
    }

    fn wait_for_all(&self, count: &AtomicUsize, polls_before_yield: usize) -> bool {
        // ORDERING: Relaxed: a count alone.
        count.fetch_add(1, Ordering::Relaxed);
        let mut polls = 0;
        while count.load(Ordering::Relaxed) < self.tallies.len() {
            hint::spin_loop();
            polls += 1;
            if polls % polls_before_yield == 0 {
                if self.is_over() {
                    return false;
                }
                sched::yield_now();
            }
        }
        true
    }

    fn time_batches(&self, reader: usize, tally: &Tally) {
        let run = &*self.run;
        let first_ns = run.now_ns();
        let (mut total_ns, mut kept, mut turn) = (0, 0, Turn::begin(run));
        for batch in 0..self.batches {
            let preempted = preemptions();
            let start_ns = run.now_ns();
            self.work.run_batch(reader, batch);
            let end_ns = run.now_ns();
            if preemptions() == preempted {
                total_ns += end_ns - start_ns;
                kept += 1;
            }
            turn.yield_if_due();
            if self.is_over() {
                break;
            }
        }
        // ORDERING: Relaxed: read after the thread was joined.
        tally.first_ns.store(first_ns, Ordering::Relaxed);
        tally.last_ns.store(run.now_ns(), Ordering::Relaxed);
        tally.total_ns.store(total_ns, Ordering::Relaxed);
        tally.kept.store(kept, Ordering::Relaxed);
    }

    /// Context: when all readers have been joined.
    fn evaluate(&self) -> PassTimes {
        let each = |of: fn(&Tally) -> &AtomicU64| {
            self.tallies
                .iter()
                .map(move |tally| of(tally).load(Ordering::Relaxed))
        };
        let total_ns: u64 = each(|tally| &tally.total_ns).sum();
        let kept: u64 = each(|tally| &tally.kept).sum();
        let first_ns = each(|tally| &tally.first_ns).min().unwrap_or(0);
        let last_ns = each(|tally| &tally.last_ns).max().unwrap_or(0);
        let all = (self.batches * self.tallies.len()) as u64;
        PassTimes {
            own_ps: (total_ns * 1000).checked_div(kept * BATCH as u64),
            wall_ps: ((last_ns - first_ns) * 1000)
                .checked_div((self.batches * BATCH) as u64)
                .unwrap_or(0),
            dropped: all - kept,
        }
    }
}

/// A reader's time on its CPU since it last yielded.
struct Turn<'r> {
    run: &'r Run,
    began_ns: u64,
}

impl<'r> Turn<'r> {
    fn begin(run: &'r Run) -> Self {
        Self {
            run,
            began_ns: run.now_ns(),
        }
    }

    /// Yields the CPU after [`YIELD_INTERVAL_NS`].
    fn yield_if_due(&mut self) {
        if self.run.now_ns() - self.began_ns >= YIELD_INTERVAL_NS {
            sched::yield_now();
            self.began_ns = self.run.now_ns();
        }
    }
}
