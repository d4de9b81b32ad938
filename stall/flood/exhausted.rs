// SPDX-License-Identifier: GPL-2.0

//! A flood without a bound. When memory runs out, the OOM killer kills processes, but none of them
//! holds the memory. Only the end of the reader frees it. So the run ends after the OOM killer's
//! first kill.

use super::{drain, log_backlog, queue, Queued, CAP_KB};
use crate::{
    kernel_ext::{delay::sleep_ms, sched::yield_now},
    rcu::read_lock,
    stall::{
        kind::StallKind,
        raw::{OomNotifier, Spare},
        run::Run,
        threads::{StallThreads, UPDATER},
    },
};
use core::sync::atomic::{AtomicBool, Ordering};
use kernel::{
    alloc::flags::GFP_NOWAIT,
    current, new_mutex,
    page::{Page, PAGE_SIZE},
    prelude::*,
    sync::{Arc, Mutex},
    time::{Instant, Monotonic},
};

pub(in crate::stall) const EXHAUSTED: StallKind = StallKind {
    name: "memory_exhausted",
    shows: "an updater queues callbacks behind a long reader until memory runs out",
    expects: "invoked oom-killer",
    needs_two_cpus: true,
    // Longer than needed: the run ends when memory has run out.
    hold_ms: 30_000,
    culprit: Some(UPDATER),
    breaks: Some("the OOM killer kills a process"),
    provoke: exhaust,
    ..StallKind::DEFAULT
};

/// Pages of an object. Large objects exhaust memory sooner.
const PAGES: usize = 16;
const OBJECT_KB: u32 = (PAGES * PAGE_SIZE / 1024) as u32;
/// Objects that are queued before the updater yields its CPU.
const OBJECTS_PER_TURN: u32 = 16;
/// Pages of one reserve, 1 MiB, and the number of reserves.
const RESERVE_PAGES: usize = 256;
const RESERVES: usize = 16;
const POLL_INTERVAL_MS: u32 = 5;
/// Milliseconds within which the updater gets a page after the OOM killer's kill.
const RELIEF_MS: i64 = 1000;

/// Makes the OOM killer run once, and for the updater only. A reserve serves all other requests
/// until the flood's memory is free again.
#[pin_data]
struct Shortage {
    run: Arc<Run>,
    /// The OOM killer has run for the updater.
    has_killed: AtomicBool,
    #[pin]
    reserve: Mutex<KVec<KVec<Page>>>,
}

// ORDERING: Relaxed: the flag publishes no other memory.
impl Shortage {
    /// Errors: `ENOMEM`. Context: may sleep.
    fn new(run: &Arc<Run>) -> Result<Arc<Self>> {
        let mut reserve = KVec::with_capacity(RESERVES, GFP_KERNEL)?;
        for _ in 0..RESERVES {
            reserve.push(pages(RESERVE_PAGES)?, GFP_KERNEL)?;
        }
        let shortage = pin_init!(Self {
            run: run.clone(),
            has_killed: AtomicBool::new(false),
            reserve <- new_mutex!(reserve, "stall_reserve"),
        });
        Arc::pin_init(shortage, GFP_KERNEL)
    }

    fn has_killed(&self) -> bool {
        self.has_killed.load(Ordering::Relaxed)
    }
}

impl Spare for Shortage {
    fn free(&self) -> usize {
        let is_updater = current!().pid() == self.run.pid();
        if is_updater && !self.has_killed.swap(true, Ordering::Relaxed) {
            return 0;
        }
        self.reserve.lock().pop().map_or(0, |pages| pages.len())
    }
}

fn pages(count: usize) -> Result<KVec<Page>> {
    let mut pages = KVec::with_capacity(count, GFP_KERNEL)?;
    for _ in 0..count {
        pages.push(Page::alloc_page(GFP_KERNEL)?, GFP_KERNEL)?;
    }
    Ok(pages)
}

/// Updates until the OOM killer has run, or the run is over.
fn update(run: &Run, queued: &Arc<Queued>, shortage: &Shortage) {
    run.set_pid(current!().pid());
    let kb = || queued.load(Ordering::Relaxed) * OBJECT_KB;
    let mut is_logged = false;
    while !run.is_over() && !shortage.has_killed() {
        if kb() >= CAP_KB && !is_logged {
            is_logged = true;
            log_backlog(kb(), "continues");
        }
        queue_some(queued, shortage);
    }
    if shortage.has_killed() {
        log_backlog(kb(), "ends");
        run.abandon();
    }
}

fn queue_some(queued: &Arc<Queued>, shortage: &Shortage) {
    for _ in 0..OBJECTS_PER_TURN {
        if queue_one(queued).is_err() || shortage.has_killed() {
            break;
        }
    }
    yield_now();
}

fn queue_one(queued: &Arc<Queued>) -> Result {
    // One contiguous piece is quicker to allocate. Without one, single pages use up the rest of
    // memory: a failed allocation of a single page is what invokes the OOM killer.
    match KVec::<u8>::with_capacity(PAGES * PAGE_SIZE, GFP_NOWAIT) {
        Ok(piece) => queue(queued, piece),
        Err(_) => queue(queued, pages(PAGES)?),
    }
}

fn exhaust(run: &Arc<Run>) -> Result {
    let queued = Arc::new(Queued::new(0), GFP_KERNEL)?;
    let shortage = Shortage::new(run)?;
    let _notifier = OomNotifier::new(shortage.clone())?;
    let mut threads = StallThreads::new(run);
    let (updated, felt) = (queued.clone(), shortage.clone());
    threads.spawn_blocked(UPDATER, threads.on_other_cpu(), move |run| {
        update(run, &updated, &felt);
    })?;
    // Preemptible: the process that is killed may need this CPU to exit.
    threads.spawn(c"stall_reader", threads.on_stalled_cpu(), |run| {
        let _reader = read_lock();
        run.note_culprit_began();
        run.spin_until_over();
    })?;
    while !run.is_over() && !shortage.has_killed() {
        sleep_ms(POLL_INTERVAL_MS);
    }
    wait_for_updater(run);
    drain(threads, &queued);
    Ok(())
}

/// Gives the updater time to end the run after the OOM killer's report. If it gets no page in time,
/// `drain()` ends the run.
fn wait_for_updater(run: &Run) {
    let since = Instant::<Monotonic>::now();
    while !run.is_over() && since.elapsed().as_millis() < RELIEF_MS {
        sleep_ms(POLL_INTERVAL_MS);
    }
}
