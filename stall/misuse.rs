// SPDX-License-Identifier: GPL-2.0

//! What is forbidden. Most of it is over at once; what it leaves behind differs.

use super::{
    kinds::{unless, Kind},
    raw,
    run::Run,
    scene::Scene,
    updater::UPDATER,
};
use crate::{kernel_ext::delay::spin_us, rcu::read_lock};
use core::mem;
use kernel::{prelude::*, sync::Arc, task};

/// Those that need no time: a second is for who watches.
const MOMENT: Kind = Kind {
    hold_ms: 1000,
    ..Kind::DEFAULT
};

pub(super) const SLEEP_IN_READER: Kind = Kind {
    name: "sleep_in_reader",
    shows: "a reader sleeps once, shortly",
    expects: "Voluntary context switch within RCU read-side critical section!",
    missing: unless(cfg!(CONFIG_PREEMPT_RCU), "CONFIG_PREEMPT_RCU"),
    provoke: sleep_in_reader,
    ..MOMENT
};

pub(super) const MIGHT_SLEEP: Kind = Kind {
    name: "might_sleep",
    shows: "a reader calls what may sleep",
    expects: "sleeping function called from invalid context",
    missing: unless(cfg!(CONFIG_DEBUG_ATOMIC_SLEEP), "CONFIG_DEBUG_ATOMIC_SLEEP"),
    provoke: might_sleep,
    ..MOMENT
};

pub(super) const ILLEGAL_SYNCHRONIZE: Kind = Kind {
    name: "illegal_synchronize",
    shows: "what lockdep takes for a reader waits for readers",
    expects: "Illegal synchronize_rcu() in RCU read-side critical section",
    missing: unless(cfg!(CONFIG_PROVE_RCU), "CONFIG_PROVE_RCU"),
    provoke: illegal_synchronize,
    ..MOMENT
};

pub(super) const DOUBLE_CALL_RCU: Kind = Kind {
    name: "double_call_rcu",
    shows: "one object is given to call_rcu() twice",
    expects: "Double-freed CB",
    missing: unless(
        cfg!(CONFIG_DEBUG_OBJECTS_RCU_HEAD),
        "CONFIG_DEBUG_OBJECTS_RCU_HEAD",
    ),
    breaks: Some("the kernel tells of no more than three of these until it is booted again"),
    provoke: double_call_rcu,
    ..MOMENT
};

pub(super) const USE_AFTER_FREE: Kind = Kind {
    name: "use_after_free",
    shows: "an object is freed without a grace period, and a reader reads it",
    expects: "KASAN: slab-use-after-free",
    missing: unless(cfg!(CONFIG_KASAN), "CONFIG_KASAN"),
    breaks: Some("without kasan_multi_shot KASAN tells of no other one until the kernel is booted again; the kernel is tainted"),
    provoke: use_after_free,
    ..MOMENT
};

pub(super) const LEAKED_READER: Kind = Kind {
    name: "leaked_reader",
    shows: "a thread ends inside a read-side critical section",
    expects: "still has locks held!",
    missing: unless(cfg!(CONFIG_LOCKDEP), "CONFIG_LOCKDEP"),
    breaks: Some("lockdep goes off until the kernel is booted again"),
    provoke: leaked_reader,
    ..MOMENT
};

/// Has the culprit do what needs no time.
fn once(run: &Arc<Run>, work: impl FnOnce(&Run) + Send + 'static) -> Result {
    let mut scene = Scene::new(run);
    scene.culprit(work)?;
    scene.join();
    Ok(())
}

fn sleep_in_reader(run: &Arc<Run>) -> Result {
    once(run, |run| {
        let reader = read_lock();
        run.note_held();
        raw::sleep_in_reader(&reader, 10);
    })
}

fn might_sleep(run: &Arc<Run>) -> Result {
    once(run, |run| {
        let _reader = read_lock();
        run.note_held();
        task::might_sleep();
    })
}

fn illegal_synchronize(run: &Arc<Run>) -> Result {
    once(run, |run| {
        run.note_held();
        raw::synchronize_as_lockdeps_reader();
    })
}

fn double_call_rcu(run: &Arc<Run>) -> Result {
    once(run, |run| {
        run.note_held();
        raw::call_rcu_twice();
    })
}

fn leaked_reader(run: &Arc<Run>) -> Result {
    // The end of the thread is that of the critical section.
    once(run, |run| {
        run.note_held();
        mem::forget(read_lock());
        raw::check_no_locks_held();
    })
}

fn use_after_free(run: &Arc<Run>) -> Result {
    let object = Arc::new(raw::Published::new()?, GFP_KERNEL)?;
    let mut scene = Scene::new(run);
    let updates = object.clone();
    // What is missing is a grace period.
    scene.victim(UPDATER, scene.elsewhere(), move |_| updates.free())?;
    scene.culprit(move |run| {
        let reader = read_lock();
        let found = object.dereference(&reader);
        run.note_held();
        while !object.is_freed() && !run.is_over() {
            spin_us(1);
        }
        found.read();
    })?;
    scene.join();
    Ok(())
}
