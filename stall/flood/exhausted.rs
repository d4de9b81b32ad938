// SPDX-License-Identifier: GPL-2.0

//! A flood that nothing bounds. When memory runs out the OOM killer ends processes, none of which has what is
//! missing: only the end of the reader brings it back. So the run is over when the OOM killer has come once.

use super::{drain, queue, tell, Queued, CAP_KB};
use crate::{
    kernel_ext::{delay::sleep_ms, sched::yield_now},
    rcu::read_lock,
    stall::{
        kinds::Kind,
        raw::{OomNotifier, Spare},
        run::Run,
        scene::Scene,
        updater::UPDATER,
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

pub(in crate::stall) const EXHAUSTED: Kind = Kind {
    name: "memory_exhausted",
    shows: "an updater queues callbacks behind a long reader until there is no memory",
    expects: "invoked oom-killer",
    needs_two_cpus: true,
    // More than it takes: the end of memory is its end.
    hold_ms: 30_000,
    culprit: Some(UPDATER),
    breaks: Some("the OOM killer ends a process"),
    provoke: exhaust,
    ..Kind::DEFAULT
};

/// Pages of an object: so many that it does not take long.
const PAGES: usize = 16;
const OBJECT_KB: u32 = (PAGES * PAGE_SIZE / 1024) as u32;
/// Objects that are queued before others may run.
const AT_ONCE: u32 = 16;
/// Pages of the reserve that go at a time: 1 MiB, and how many times they can.
const RESERVE_PAGES: usize = 256;
const RESERVES: usize = 16;
/// Milliseconds between two looks for the OOM killer.
const LOOK_MS: u32 = 5;
/// Milliseconds in which the updater gets a page, when the OOM killer has come.
const RELIEF_MS: i64 = 1000;

/// What keeps the OOM killer from coming for anyone but the updater, and from coming again: a reserve, for others
/// until memory is back.
#[pin_data]
struct Shortage {
    run: Arc<Run>,
    /// The OOM killer has come for the updater.
    is_felt: AtomicBool,
    #[pin]
    reserve: Mutex<KVec<KVec<Page>>>,
}

// ORDERING: The flag is only looked at.
impl Shortage {
    /// Errors: `ENOMEM`. Context: may sleep.
    fn new(run: &Arc<Run>) -> Result<Arc<Self>> {
        let mut reserve = KVec::with_capacity(RESERVES, GFP_KERNEL)?;
        for _ in 0..RESERVES {
            reserve.push(pages(RESERVE_PAGES)?, GFP_KERNEL)?;
        }
        let shortage = pin_init!(Self {
            run: run.clone(),
            is_felt: AtomicBool::new(false),
            reserve <- new_mutex!(reserve, "stall_reserve"),
        });
        Arc::pin_init(shortage, GFP_KERNEL)
    }

    fn is_felt(&self) -> bool {
        self.is_felt.load(Ordering::Relaxed)
    }
}

impl Spare for Shortage {
    fn free(&self) -> usize {
        let is_updater = current!().pid() == self.run.pid();
        // ORDERING: As above.
        if is_updater && !self.is_felt.swap(true, Ordering::Relaxed) {
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

/// What the updater does until the OOM killer has come, or the run is over.
fn update(run: &Run, queued: &Arc<Queued>, shortage: &Shortage) {
    run.note_culprit(current!().pid());
    let kb = || queued.load(Ordering::Relaxed) * OBJECT_KB;
    let mut is_told = false;
    while !run.is_over() && !shortage.is_felt() {
        if kb() >= CAP_KB && !is_told {
            is_told = true;
            tell(kb(), "goes on");
        }
        queue_some(queued, shortage);
    }
    if shortage.is_felt() {
        tell(kb(), "ends");
        run.abandon();
    }
}

fn queue_some(queued: &Arc<Queued>, shortage: &Shortage) {
    for _ in 0..AT_ONCE {
        if queue_one(queued).is_err() || shortage.is_felt() {
            break;
        }
    }
    yield_now();
}

fn queue_one(queued: &Arc<Queued>) -> Result {
    // In one piece while there is one: that is quicker. To the last page then, which is what the OOM killer is for.
    match KVec::<u8>::with_capacity(PAGES * PAGE_SIZE, GFP_NOWAIT) {
        Ok(piece) => queue(queued, piece),
        Err(_) => queue(queued, pages(PAGES)?),
    }
}

fn exhaust(run: &Arc<Run>) -> Result {
    let queued = Arc::new(Queued::new(0), GFP_KERNEL)?;
    let shortage = Shortage::new(run)?;
    let _notifier = OomNotifier::new(shortage.clone())?;
    let mut scene = Scene::new(run);
    let (updates, felt) = (queued.clone(), shortage.clone());
    scene.victim(UPDATER, scene.elsewhere(), move |run| {
        update(run, &updates, &felt);
    })?;
    // Others may have its CPU: one of them is to end.
    scene.spawn(c"stall_reader", scene.on_cpu(), |run| {
        let _reader = read_lock();
        run.note_held();
        run.spin();
    })?;
    while !run.is_over() && !shortage.is_felt() {
        sleep_ms(LOOK_MS);
    }
    wait_for_updater(run);
    drain(scene, &queued);
    Ok(())
}

/// Gives the updater the time to end the run, after the OOM killer's report. If it gets no page, the end of the
/// scene does.
fn wait_for_updater(run: &Run) {
    let since = Instant::<Monotonic>::now();
    while !run.is_over() && since.elapsed().as_millis() < RELIEF_MS {
        sleep_ms(LOOK_MS);
    }
}
