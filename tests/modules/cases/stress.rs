// SPDX-License-Identifier: GPL-2.0

//! Readers and an updater that uses every ending.

use super::{ensure, platform, rcu, Drops, Failure, Outcome, Tracked};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use kernel::{prelude::*, sync::Arc};
use rcu::{read_lock, CallbackDrain, Rcu, UniqueRcuBox};

const READERS: usize = 2;
const RUN_MS: u64 = 1000;

struct Shared {
    pointer: Rcu<Tracked>,
    stop: AtomicBool,
    reads: AtomicUsize,
    wrong: AtomicUsize,
}

fn read_until_stopped(shared: &Shared) {
    let mut reads = 0;
    while !shared.stop.load(Ordering::Relaxed) {
        let guard = read_lock();
        let seen = shared.pointer.dereference(&guard);
        // Gives the updater time to replace the object.
        for _ in 0..reads % 64 {
            core::hint::spin_loop();
        }
        if !seen.is_some_and(Tracked::is_intact) {
            shared.wrong.fetch_add(1, Ordering::Relaxed);
        }
        drop(guard);
        reads += 1;
        // Without preemption, a kernel thread that never sleeps starves the others.
        if reads % 256 == 0 {
            platform::sleep_ms(1);
        }
    }
    shared.reads.fetch_add(reads, Ordering::Relaxed);
}

/// Replaces the object for `RUN_MS`, with each ending in turn. Returns the number of updates.
fn update_until_stopped(shared: &Shared, drops: &Arc<Drops>) -> Result<usize, Failure> {
    let start = platform::now_ms();
    let mut updates = 0;
    while platform::now_ms() - start < RUN_MS {
        let new = UniqueRcuBox::new(Tracked::new(updates as u64, drops), GFP_KERNEL)?;
        if let Some(old) = shared.pointer.replace(Some(new)) {
            match updates % 8 {
                0 => drop(old.synchronize()),
                1 => drop(old.synchronize_expedited()),
                2 => drop(old.start_poll().wait()),
                3 => drop(old.start_poll().try_reclaim()),
                4 => old.queue_work(),
                5 => drop(old),
                _ => old.call_rcu(),
            }
        }
        updates += 1;
    }
    Ok(updates)
}

pub(super) fn readers_never_see_a_reclaimed_object() -> Outcome {
    let drops = Drops::new()?;
    let drain = CallbackDrain::new()?;
    let shared = Shared {
        pointer: Rcu::new(UniqueRcuBox::new(Tracked::new(0, &drops), GFP_KERNEL)?),
        stop: AtomicBool::new(false),
        reads: AtomicUsize::new(0),
        wrong: AtomicUsize::new(0),
    };
    let shared = Arc::new(shared, GFP_KERNEL)?;
    let mut threads = KVec::new();
    for _ in 0..READERS {
        let shared = shared.clone();
        threads.push(
            platform::spawn(move || read_until_stopped(&shared))?,
            GFP_KERNEL,
        )?;
    }
    let updates = update_until_stopped(&shared, &drops);
    shared.stop.store(true, Ordering::Relaxed);
    platform::join(threads);
    let updates = updates?;
    drop(drain);
    ensure!(shared.wrong.load(Ordering::Relaxed) == 0);
    ensure!(shared.reads.load(Ordering::Relaxed) > 0);
    ensure!(updates > 8);
    // The last object is still published.
    ensure!(drops.count() == updates);
    Ok(())
}
