// SPDX-License-Identifier: GPL-2.0

//! Updaters that hang: behind a reader that does not come to its end, and behind each other.

use super::{
    cpu::hold_cpu,
    kinds::{unless, Kind, HUNG_TASK_MS},
    run::Run,
    scene::Scene,
};
use crate::rcu::{self, new_srcu, Srcu};
use core::ffi::CStr;
use kernel::{new_mutex, prelude::*, sync::Arc};

pub(super) const HUNG: Kind = Kind {
    name: "hung_updater",
    shows: "an updater waits for a reader under its lock, and another one for the lock",
    expects: "blocked for more than",
    missing: NO_WATCH,
    hold_ms: HUNG_TASK_MS,
    provoke: hung,
    ..Kind::DEFAULT
};

pub(super) const SRCU_STUCK: Kind = Kind {
    name: "srcu_stuck",
    shows: "a reader of SRCU sleeps, and an updater waits for it",
    expects: "blocked for more than",
    missing: NO_WATCH,
    hold_ms: HUNG_TASK_MS,
    provoke: srcu_stuck,
    ..Kind::DEFAULT
};

/// The name of the threads that hang.
pub(super) const UPDATER: &CStr = c"stall_updater";

/// Nobody looks for threads that hang.
const NO_WATCH: Option<&str> = unless(cfg!(CONFIG_DETECT_HUNG_TASK), "CONFIG_DETECT_HUNG_TASK");

fn hung(run: &Arc<Run>) -> Result {
    let updater_lock = Arc::pin_init(new_mutex!((), "stall_updater"), GFP_KERNEL)?;
    let mut scene = Scene::new(run);
    for _ in 0..2 {
        let updater_lock = updater_lock.clone();
        scene.victim(UPDATER, scene.elsewhere(), move |run| {
            let _updater = updater_lock.lock();
            if !run.is_over() {
                rcu::synchronize();
            }
        })?;
    }
    hold_cpu(&mut scene)?;
    scene.play();
    Ok(())
}

fn srcu_stuck(run: &Arc<Run>) -> Result {
    let domain: Arc<Srcu> = Arc::pin_init(new_srcu!("stall"), GFP_KERNEL)?;
    let mut scene = Scene::new(run);
    let updates = domain.clone();
    scene.victim(UPDATER, scene.elsewhere(), move |_| updates.synchronize())?;
    scene.culprit(move |run| {
        let _reader = domain.read_lock();
        run.note_held();
        run.sleep();
    })?;
    scene.play();
    Ok(())
}
