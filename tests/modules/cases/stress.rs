// SPDX-License-Identifier: GPL-2.0

//! Everything at once.

use super::{ensure, platform, rcu, Failure, Fate, Outcome, Witness};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use kernel::{prelude::*, sync::Arc};
use rcu::{read_lock, CallbackDrain, Rcu, RcuBox};

const READERS: usize = 2;
const RUN_MS: u64 = 1000;

struct Shared {
    pointer: Rcu<Witness>,
    stop: AtomicBool,
    reads: AtomicUsize,
    wrong: AtomicUsize,
}

fn read_until_stopped(shared: &Shared) {
    let mut reads = 0;
    while !shared.stop.load(Ordering::Relaxed) {
        let guard = read_lock();
        let seen = shared.pointer.dereference(&guard);
        // Long enough for an updater to go by.
        for _ in 0..reads % 64 {
            core::hint::spin_loop();
        }
        if !seen.is_some_and(Witness::is_intact) {
            shared.wrong.fetch_add(1, Ordering::Relaxed);
        }
        drop(guard);
        reads += 1;
        // A thread of the kernel that never sleeps starves others where there is no preemption.
        if reads % 256 == 0 {
            platform::sleep_ms(1);
        }
    }
    shared.reads.fetch_add(reads, Ordering::Relaxed);
}

/// Replaces the object until time is up, by each ending in turn; says how often.
fn update_until_stopped(shared: &Shared, fate: &Arc<Fate>) -> Result<usize, Failure> {
    let start = platform::now_ms();
    let mut updates = 0;
    while platform::now_ms() - start < RUN_MS {
        let new = RcuBox::new(Witness::new(updates as u64, fate), GFP_KERNEL)?;
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
    let fate = Fate::new()?;
    let drain = CallbackDrain::new();
    let shared = Shared {
        pointer: Rcu::new(RcuBox::new(Witness::new(0, &fate), GFP_KERNEL)?),
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
    let updates = update_until_stopped(&shared, &fate);
    shared.stop.store(true, Ordering::Relaxed);
    platform::join(threads);
    let updates = updates?;
    drop(drain);
    ensure!(shared.wrong.load(Ordering::Relaxed) == 0);
    ensure!(shared.reads.load(Ordering::Relaxed) > 0);
    ensure!(updates > 8);
    // The last one is still published.
    ensure!(fate.drops() == updates);
    Ok(())
}
