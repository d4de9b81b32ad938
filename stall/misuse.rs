// SPDX-License-Identifier: GPL-2.0

//! Misuse of RCU. Most of it takes no time; the damage that it leaves differs.

use super::{
    kind::{unless, StallKind},
    raw,
    run::Run,
    threads::{StallThreads, UPDATER},
};
use crate::{kernel_ext::delay::spin_us, rcu::read_lock};
use core::mem;
use kernel::{prelude::*, sync::Arc, task};

/// Misuse that takes no time. The hold is long enough for a person to watch.
const MOMENTARY: StallKind = StallKind {
    hold_ms: 1000,
    ..StallKind::DEFAULT
};

pub(super) const SLEEP_IN_READER: StallKind = StallKind {
    name: "sleep_in_reader",
    shows: "a reader sleeps once, briefly",
    expects: "Voluntary context switch within RCU read-side critical section!",
    missing: unless(cfg!(CONFIG_PREEMPT_RCU), "CONFIG_PREEMPT_RCU"),
    provoke: sleep_in_reader,
    ..MOMENTARY
};

pub(super) const MIGHT_SLEEP: StallKind = StallKind {
    name: "might_sleep",
    shows: "a reader calls a function that may sleep",
    expects: "sleeping function called from invalid context",
    missing: unless(cfg!(CONFIG_DEBUG_ATOMIC_SLEEP), "CONFIG_DEBUG_ATOMIC_SLEEP"),
    provoke: might_sleep,
    ..MOMENTARY
};

pub(super) const ILLEGAL_SYNCHRONIZE: StallKind = StallKind {
    name: "illegal_synchronize",
    shows: "a thread that lockdep sees as a reader waits for readers",
    expects: "Illegal synchronize_rcu() in RCU read-side critical section",
    missing: unless(cfg!(CONFIG_PROVE_RCU), "CONFIG_PROVE_RCU"),
    provoke: illegal_synchronize,
    ..MOMENTARY
};

pub(super) const DOUBLE_CALL_RCU: StallKind = StallKind {
    name: "double_call_rcu",
    shows: "one object is passed to call_rcu() twice",
    expects: "Double-freed CB",
    missing: unless(
        cfg!(CONFIG_DEBUG_OBJECTS_RCU_HEAD),
        "CONFIG_DEBUG_OBJECTS_RCU_HEAD",
    ),
    breaks: Some("the kernel reports at most three of these until it is rebooted"),
    provoke: double_call_rcu,
    ..MOMENTARY
};

pub(super) const USE_AFTER_FREE: StallKind = StallKind {
    name: "use_after_free",
    shows: "an object is freed without a grace period, and a reader reads it",
    expects: "KASAN: slab-use-after-free",
    missing: unless(cfg!(CONFIG_KASAN), "CONFIG_KASAN"),
    breaks: Some(
        "without kasan_multi_shot KASAN reports nothing more until a reboot; the kernel is tainted",
    ),
    provoke: use_after_free,
    ..MOMENTARY
};

pub(super) const LEAKED_READER: StallKind = StallKind {
    name: "leaked_reader",
    shows: "a thread exits inside a read-side critical section",
    expects: "still has locks held!",
    missing: unless(cfg!(CONFIG_LOCKDEP), "CONFIG_LOCKDEP"),
    breaks: Some("lockdep is off until the kernel is rebooted"),
    provoke: leaked_reader,
    ..MOMENTARY
};

/// Runs a culprit that takes no time.
fn run_culprit(run: &Arc<Run>, work: impl FnOnce(&Run) + Send + 'static) -> Result {
    let mut threads = StallThreads::new(run);
    threads.spawn_culprit(work)?;
    threads.join();
    Ok(())
}

fn sleep_in_reader(run: &Arc<Run>) -> Result {
    run_culprit(run, |run| {
        let reader = read_lock();
        run.note_culprit_began();
        raw::sleep_in_reader(&reader, 10);
    })
}

fn might_sleep(run: &Arc<Run>) -> Result {
    run_culprit(run, |run| {
        let _reader = read_lock();
        run.note_culprit_began();
        task::might_sleep();
    })
}

fn illegal_synchronize(run: &Arc<Run>) -> Result {
    run_culprit(run, |run| {
        run.note_culprit_began();
        raw::synchronize_as_lockdep_reader();
    })
}

fn double_call_rcu(run: &Arc<Run>) -> Result {
    run_culprit(run, |run| {
        run.note_culprit_began();
        raw::call_rcu_twice();
    })
}

fn leaked_reader(run: &Arc<Run>) -> Result {
    // RCU ends the critical section when the thread exits.
    run_culprit(run, |run| {
        run.note_culprit_began();
        mem::forget(read_lock());
        raw::check_no_locks_held();
    })
}

fn use_after_free(run: &Arc<Run>) -> Result {
    let object = Arc::new(raw::Published::new()?, GFP_KERNEL)?;
    let mut threads = StallThreads::new(run);
    let updated = object.clone();
    // The bug: no grace period before the free.
    threads.spawn_blocked(UPDATER, threads.on_other_cpu(), move |_| updated.free())?;
    threads.spawn_culprit(move |run| {
        let reader = read_lock();
        let found = object.dereference(&reader);
        run.note_culprit_began();
        while !object.is_freed() && !run.is_over() {
            spin_us(1);
        }
        found.read();
    })?;
    threads.join();
    Ok(())
}
