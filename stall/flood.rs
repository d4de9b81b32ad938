// SPDX-License-Identifier: GPL-2.0

//! Floods of callbacks behind a long reader. The kernel reports nothing until memory runs out. An
//! updater bounds the flood if it waits for a grace period whenever too much memory awaits reclaim.

mod exhausted;

pub(super) use exhausted::EXHAUSTED;

use super::{
    cpu::spawn_spinning_reader,
    kind::StallKind,
    run::Run,
    threads::{StallThreads, UPDATER},
};
use crate::{
    kernel_ext::sched::yield_now,
    rcu::{self, Reclaim, Softirq, UniqueRcuBox},
};
use core::sync::atomic::{AtomicU32, Ordering};
use kernel::{
    prelude::*,
    sync::Arc,
    time::{Instant, Monotonic},
};

pub(super) const UNCAPPED: StallKind = StallKind {
    name: "callback_flood",
    shows: "an updater queues callbacks behind a long reader and never waits",
    expects: "KiB await a grace period",
    provoke: |run| flood(run, Policy::NeverWait),
    ..StallKind::DEFAULT
};

pub(super) const CAPPED: StallKind = StallKind {
    name: "callback_flood_capped",
    shows: "an updater queues callbacks behind a long reader and waits when they are too many",
    expects: "KiB await a grace period",
    provoke: |run| flood(run, Policy::WaitAboveCap),
    ..StallKind::DEFAULT
};

/// Bytes of an object's payload.
const PAYLOAD: usize = 480;
/// Objects per KiB, including their heads and the allocator's overhead.
const OBJECTS_PER_KB: u32 = 2;
/// KiB awaiting a grace period at which [`Policy::WaitAboveCap`] waits.
const CAP_KB: u32 = 1024;
/// KiB awaiting a grace period at which [`Policy::NeverWait`] stops, so that the machine survives.
const LIMIT_KB: u32 = 32 * 1024;
/// Objects that are queued before the updater yields its CPU.
const OBJECTS_PER_TURN: u32 = 256;

/// The updater's reaction when [`CAP_KB`] KiB await a grace period.
#[derive(Clone, Copy)]
enum Policy {
    /// It waits for the grace period, as the updater of the route table does.
    WaitAboveCap,
    NeverWait,
}

/// The number of objects that await their callbacks.
type Queued = AtomicU32;

struct Object<P> {
    queued: Arc<Queued>,
    _payload: P,
}

impl<P: Send + Sync + 'static> Reclaim for Object<P> {
    type Context = Softirq;
}

impl<P> Drop for Object<P> {
    fn drop(&mut self) {
        // ORDERING: Relaxed: a statistic.
        self.queued.fetch_sub(1, Ordering::Relaxed);
    }
}

fn queue<P: Send + Sync + 'static>(queued: &Arc<Queued>, payload: P) -> Result {
    let object = Object {
        queued: queued.clone(),
        _payload: payload,
    };
    // Counted first: dropping the object, also after a failure, subtracts it.
    queued.fetch_add(1, Ordering::Relaxed);
    UniqueRcuBox::new(object, GFP_KERNEL)?.retire().call_rcu();
    Ok(())
}

/// Updates until the run is over.
fn update(run: &Run, queued: &Arc<Queued>, policy: Policy) {
    let mut is_logged = false;
    while !run.is_over() {
        let kb = queued.load(Ordering::Relaxed) / OBJECTS_PER_KB;
        if kb >= CAP_KB && !is_logged {
            is_logged = true;
            let reaction = match policy {
                Policy::WaitAboveCap => "waits for it",
                Policy::NeverWait => "continues",
            };
            log_backlog(kb, reaction);
        }
        match policy {
            Policy::WaitAboveCap if kb >= CAP_KB => rcu::synchronize(),
            Policy::NeverWait if kb >= LIMIT_KB => run.sleep_until_over(),
            _ => queue_some(queued),
        }
    }
}

fn queue_some(queued: &Arc<Queued>) {
    for _ in 0..OBJECTS_PER_TURN {
        if queue(queued, [0_u8; PAYLOAD]).is_err() {
            break;
        }
    }
    yield_now();
}

fn log_backlog(kb: u32, reaction: &str) {
    pr_info!("stall: {kb} KiB await a grace period; the updater {reaction}\n");
}

fn flood(run: &Arc<Run>, policy: Policy) -> Result {
    let queued = Arc::new(Queued::new(0), GFP_KERNEL)?;
    let mut threads = StallThreads::new(run);
    let updated = queued.clone();
    threads.spawn_blocked(UPDATER, threads.on_other_cpu(), move |run| {
        update(run, &updated, policy);
    })?;
    spawn_spinning_reader(&mut threads)?;
    run.sleep_until_over();
    drain(threads, &queued);
    Ok(())
}

/// Joins the threads and waits for the callbacks.
///
/// Context: may sleep.
fn drain(threads: StallThreads<'_>, queued: &Queued) {
    let left = queued.load(Ordering::Relaxed);
    let since = Instant::<Monotonic>::now();
    drop(threads);
    rcu::barrier();
    pr_info!(
        "stall: the last {left} callbacks have run {} ms after the reader had to end\n",
        since.elapsed().as_millis()
    );
}
