// SPDX-License-Identifier: GPL-2.0

//! Starting and stopping runs, from module parameters.

use super::{
    knobs::Plan,
    report,
    run::{conduct, Run},
};
use crate::job::{self, Job, Slot};
use core::{
    ffi::CStr,
    fmt,
    sync::atomic::{AtomicBool, Ordering},
};
use kernel::{prelude::*, sync::Arc};

static SLOT: Slot<Run> = Slot::new();

/// A run was asked for before the module's init.
static IS_WANTED: AtomicBool = AtomicBool::new(false);

impl Job for Run {
    const NAME: &'static CStr = c"rcu_torture";

    fn conduct(this: &Arc<Self>) {
        conduct(this);
    }

    fn stop(&self) {
        self.stop();
    }

    fn has_ended(&self) -> bool {
        self.has_ended()
    }
}

/// Lets runs be started. Dropped, it ends the one that goes on, and lets no other begin.
pub(crate) struct Registration {
    _jobs: job::Registration<Run>,
}

impl Registration {
    /// Starts the run that `insmod` asked for.
    ///
    /// Errors: `ENOMEM`, or those of [`start`]. Context: may sleep.
    pub(crate) fn new() -> Result<Self> {
        let registration = Self {
            _jobs: SLOT.open()?,
        };
        // ORDERING: Parameters are set one at a time, and those of insmod before init.
        if IS_WANTED.load(Ordering::Relaxed) {
            start()?;
        }
        Ok(registration)
    }
}

/// Starts a run, or has the module's init start one.
///
/// Errors: `EBUSY` if one goes on, `EINVAL` for knobs that do not fit together, `ENODEV` if the module is
/// going, `ENOMEM`. Context: may sleep.
pub(super) fn start() -> Result {
    if !SLOT.is_open() {
        IS_WANTED.store(true, Ordering::Relaxed);
        return Ok(());
    }
    SLOT.start(|| Run::new(Plan::from_knobs()?))
        .inspect_err(|error| {
            if *error == EBUSY {
                pr_err!("parameter torture: a run goes on; write 0 to end it\n");
            }
        })
}

/// Asks the run that goes on to end. Does not wait.
///
/// Context: may sleep.
pub(super) fn stop() {
    IS_WANTED.store(false, Ordering::Relaxed);
    SLOT.stop();
}

/// What the parameter `torture` shows.
pub(super) struct Status;

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SLOT.look(|run, runs| fmt::Display::fmt(&report::Status { run, runs }, f))
    }
}
