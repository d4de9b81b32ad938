// SPDX-License-Identifier: GPL-2.0

//! A worker that goes idle inside a reader.

use super::{
    kind::{unless, StallKind},
    raw,
    run::Run,
    threads::StallThreads,
};
use crate::{
    kernel_ext::delay::sleep_ms,
    rcu::{self, read_lock},
};
use core::{
    mem,
    sync::atomic::{AtomicBool, Ordering},
};
use kernel::{
    current, impl_has_work, new_work,
    prelude::*,
    sync::Arc,
    workqueue::{self, Work, WorkItem},
};

pub(super) const LEAKED: StallKind = StallKind {
    name: "leaked_by_worker",
    shows: "a work item ends inside a reader, and its worker goes idle there",
    expects: "Tasks blocked on level-",
    missing: unless(cfg!(CONFIG_PREEMPT_RCU), "CONFIG_PREEMPT_RCU"),
    culprit: Some(c"kworker"),
    // A work item of other code that waits for a grace period in that worker waits for itself.
    breaks: Some("if other work waits for RCU in that worker, RCU hangs until a reboot"),
    provoke: leaked,
    ..StallKind::DEFAULT
};

/// Work items that look for the worker. A CPU has fewer idle workers.
const SEARCHES: usize = 64;
/// Milliseconds for which a work item keeps its worker, so that the next one gets another worker.
const SEARCH_MS: u32 = 10_000;

/// A work item that lacks an unlock.
#[pin_data]
struct Leak {
    #[pin]
    work: Work<Self>,
    run: Arc<Run>,
}

impl_has_work! {
    impl HasWork<Self> for Leak { self.work }
}

impl WorkItem for Leak {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        mem::forget(read_lock());
        this.run.note_culprit_began();
    }
}

/// A work item that ends the reader if it runs in the worker of [`Leak`].
#[pin_data]
struct Search {
    #[pin]
    work: Work<Self>,
    run: Arc<Run>,
    has_ended: Arc<AtomicBool>,
}

impl_has_work! {
    impl HasWork<Self> for Search { self.work }
}

impl Search {
    fn new(run: &Arc<Run>, has_ended: &Arc<AtomicBool>) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                work <- new_work!("stall::Search"),
                run: run.clone(),
                has_ended: has_ended.clone(),
            }),
            GFP_KERNEL,
        )
    }
}

// ORDERING: Relaxed: the flag publishes no other memory.
impl WorkItem for Search {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        if current!().pid() == this.run.pid() {
            raw::end_leaked_reader();
            this.has_ended.store(true, Ordering::Relaxed);
        }
        for _ in 0..SEARCH_MS / 5 {
            if this.has_ended.load(Ordering::Relaxed) {
                break;
            }
            sleep_ms(5);
        }
    }
}

fn leaked(run: &Arc<Run>) -> Result {
    let leak = Arc::pin_init(
        pin_init!(Leak {
            work <- new_work!("stall::Leak"),
            run: run.clone(),
        }),
        GFP_KERNEL,
    )?;
    let mut searches = KVec::with_capacity(SEARCHES, GFP_KERNEL)?;
    let has_ended = Arc::new(AtomicBool::new(false), GFP_KERNEL)?;
    for _ in 0..SEARCHES {
        searches.push(Search::new(run, &has_ended)?, GFP_KERNEL)?;
    }
    let mut threads = StallThreads::new(run);
    threads.spawn_waiter(rcu::synchronize)?;
    // A worker of the CPU on which an item is queued runs it.
    threads.spawn(c"stall_queuer", threads.on_stalled_cpu(), move |run| {
        let _ = workqueue::system().enqueue(leak.clone());
        run.sleep_until_over();
        raw::flush(&leak.work);
        end_reader(&searches, &has_ended);
    })?;
    threads.join_when_over();
    Ok(())
}

/// Queues work items until one has run in the worker that is inside a reader, and waits for all of
/// them.
fn end_reader(searches: &[Arc<Search>], has_ended: &AtomicBool) {
    // ORDERING: Relaxed: the flag publishes no other memory.
    let is_found = || has_ended.load(Ordering::Relaxed);
    let queued = searches.iter().take_while(|_| !is_found());
    let queued = queued.inspect(|search| {
        let _ = workqueue::system().enqueue((*search).clone());
        sleep_ms(10);
    });
    let queued = queued.count();
    for search in searches.iter().take(queued) {
        raw::flush(&search.work);
    }
    if !is_found() {
        pr_err!("stall: found no worker inside a reader; RCU waits for it until a reboot\n");
    }
}
