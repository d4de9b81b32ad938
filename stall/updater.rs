// SPDX-License-Identifier: GPL-2.0

//! Updaters that hang: behind a reader, and behind each other.

use super::{
    cpu::spawn_spinning_reader,
    kind::{unless, StallKind, HUNG_TASK_MS},
    run::Run,
    threads::{StallThreads, UPDATER},
};
use crate::rcu::{self, new_srcu, Srcu};
use kernel::{new_mutex, prelude::*, sync::Arc};

pub(super) const HUNG: StallKind = StallKind {
    name: "hung_updater",
    shows: "an updater waits for a reader under its lock, and another updater for the lock",
    expects: "blocked for more than",
    missing: NO_HUNG_TASK_DETECTOR,
    hold_ms: HUNG_TASK_MS,
    provoke: hung,
    ..StallKind::DEFAULT
};

pub(super) const SRCU_STUCK: StallKind = StallKind {
    name: "srcu_stuck",
    shows: "an SRCU reader sleeps, and an updater waits for it",
    expects: "blocked for more than",
    missing: NO_HUNG_TASK_DETECTOR,
    hold_ms: HUNG_TASK_MS,
    provoke: srcu_stuck,
    ..StallKind::DEFAULT
};

const NO_HUNG_TASK_DETECTOR: Option<&str> =
    unless(cfg!(CONFIG_DETECT_HUNG_TASK), "CONFIG_DETECT_HUNG_TASK");

fn hung(run: &Arc<Run>) -> Result {
    let updater_lock = Arc::pin_init(new_mutex!((), "stall_updater"), GFP_KERNEL)?;
    let mut threads = StallThreads::new(run);
    for _ in 0..2 {
        let updater_lock = updater_lock.clone();
        threads.spawn_blocked(UPDATER, threads.on_other_cpu(), move |run| {
            let _updater = updater_lock.lock();
            if !run.is_over() {
                rcu::synchronize();
            }
        })?;
    }
    spawn_spinning_reader(&mut threads)?;
    threads.join_when_over();
    Ok(())
}

fn srcu_stuck(run: &Arc<Run>) -> Result {
    let domain: Arc<Srcu> = Arc::pin_init(new_srcu!("stall"), GFP_KERNEL)?;
    let mut threads = StallThreads::new(run);
    let updated = domain.clone();
    threads.spawn_blocked(UPDATER, threads.on_other_cpu(), move |_| {
        updated.synchronize();
    })?;
    threads.spawn_culprit(move |run| {
        let _reader = domain.read_lock();
        run.note_culprit_began();
        run.sleep_until_over();
    })?;
    threads.join_when_over();
    Ok(())
}
