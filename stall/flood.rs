// SPDX-License-Identifier: GPL-2.0

//! Floods of callbacks behind a reader that does not come to its end. The kernel does not complain: memory runs
//! out. What bounds it is the updater, which waits when too much awaits its grace period.

mod exhausted;

pub(super) use exhausted::EXHAUSTED;

use super::{cpu::hold_cpu, kinds::Kind, run::Run, scene::Scene, updater::UPDATER};
use crate::{
    kernel_ext::sched::yield_now,
    rcu::{self, RcuBox, Reclaim, Softirq},
};
use core::sync::atomic::{AtomicU32, Ordering};
use kernel::{
    prelude::*,
    sync::Arc,
    time::{Instant, Monotonic},
};

pub(super) const UNCAPPED: Kind = Kind {
    name: "callback_flood",
    shows: "an updater queues callbacks behind a long reader, and never waits",
    expects: "KiB await a grace period",
    provoke: |run| flood(run, Policy::GoOn),
    ..Kind::DEFAULT
};

pub(super) const CAPPED: Kind = Kind {
    name: "callback_flood_capped",
    shows: "an updater queues callbacks behind a long reader, and waits when they are many",
    expects: "KiB await a grace period",
    provoke: |run| flood(run, Policy::Wait),
    ..Kind::DEFAULT
};

/// Bytes of an object's payload.
const PAYLOAD: usize = 480;
/// Objects to a KiB, with their heads and what the allocator adds.
const TO_A_KB: u32 = 2;
/// KiB that await a grace period when an updater that can wait does.
const CAP_KB: u32 = 1024;
/// KiB that may await one when it does not: the machine is to survive.
const LIMIT_KB: u32 = 32 * 1024;
/// Objects that are queued before others may run.
const AT_ONCE: u32 = 256;

/// What the updater does when much awaits a grace period.
#[derive(Clone, Copy)]
enum Policy {
    /// It waits, as that of the route table does.
    Wait,
    /// It does not care.
    GoOn,
}

/// How many objects await their callbacks.
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
        // ORDERING: A figure; nothing depends on it.
        self.queued.fetch_sub(1, Ordering::Relaxed);
    }
}

fn queue<P: Send + Sync + 'static>(queued: &Arc<Queued>, payload: P) -> Result {
    let object = Object {
        queued: queued.clone(),
        _payload: payload,
    };
    // Before there is an object, as its drop takes it back.
    queued.fetch_add(1, Ordering::Relaxed);
    RcuBox::new(object, GFP_KERNEL)?.retire().call_rcu();
    Ok(())
}

/// What the updater does until the run is over.
fn update(run: &Run, queued: &Arc<Queued>, policy: Policy) {
    let mut is_told = false;
    while !run.is_over() {
        let kb = queued.load(Ordering::Relaxed) / TO_A_KB;
        if kb >= CAP_KB && !is_told {
            is_told = true;
            let does = match policy {
                Policy::Wait => "waits as well",
                Policy::GoOn => "goes on",
            };
            tell(kb, does);
        }
        match policy {
            Policy::Wait if kb >= CAP_KB => rcu::synchronize(),
            Policy::GoOn if kb >= LIMIT_KB => run.sleep(),
            _ => queue_some(queued),
        }
    }
}

fn queue_some(queued: &Arc<Queued>) {
    for _ in 0..AT_ONCE {
        if queue(queued, [0_u8; PAYLOAD]).is_err() {
            break;
        }
    }
    yield_now();
}

fn tell(kb: u32, does: &str) {
    pr_info!("stall: {kb} KiB await a grace period; the updater {does}\n");
}

fn flood(run: &Arc<Run>, policy: Policy) -> Result {
    let queued = Arc::new(Queued::new(0), GFP_KERNEL)?;
    let mut scene = Scene::new(run);
    let updates = queued.clone();
    scene.victim(UPDATER, scene.elsewhere(), move |run| {
        update(run, &updates, policy);
    })?;
    hold_cpu(&mut scene)?;
    run.sleep();
    drain(scene, &queued);
    Ok(())
}

/// Ends the reader, and waits for the callbacks.
///
/// Context: may sleep.
fn drain(scene: Scene<'_>, queued: &Queued) {
    let left = queued.load(Ordering::Relaxed);
    let since = Instant::<Monotonic>::now();
    drop(scene);
    rcu::barrier();
    pr_info!(
        "stall: the last {left} callbacks have run {} ms after the reader was told to end\n",
        since.elapsed().as_millis()
    );
}
