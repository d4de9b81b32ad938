// SPDX-License-Identifier: GPL-2.0

//! Starting and stopping runs, from module parameters.

use super::{
    knobs::Plan,
    report,
    run::{conduct, Run},
};
use crate::lab::job::{self, Job, Slot};
use core::{ffi::CStr, fmt};
use kernel::{prelude::*, sync::Arc};

static SLOT: Slot<Run> = Slot::new();

impl Job for Run {
    const NAME: &'static CStr = c"rcu_torture";
    const BUSY: &'static str = "torture: a run goes on; write 0 to end it";

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
        if SLOT.wanted().is_some() {
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
    SLOT.start(0, || Run::new(Plan::from_knobs()?))
}

/// Asks the run that goes on to end. Does not wait.
///
/// Context: may sleep.
pub(super) fn stop() {
    SLOT.stop();
}

/// What the parameter `torture` shows.
pub(super) struct Status;

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SLOT.look(|run, runs| fmt::Display::fmt(&report::Status { run, runs }, f))
    }
}
