// SPDX-License-Identifier: GPL-2.0

//! Starting and stopping stalls, from module parameters.

use super::{
    kinds::{Kind, KINDS},
    knobs::Plan,
    report,
    run::Run,
};
use crate::lab::job::{self, Slot};
use core::fmt;
use kernel::prelude::*;

static SLOT: Slot<Run> = Slot::new();

/// Lets stalls be started. Dropped, it ends the one that goes on, and lets no other begin.
pub(crate) struct Registration {
    _jobs: job::Registration<Run>,
}

impl Registration {
    /// Starts the stall that `insmod` asked for.
    ///
    /// Errors: `ENOMEM`, or those of [`start`]. Context: may sleep.
    pub(crate) fn new() -> Result<Self> {
        let registration = Self {
            _jobs: SLOT.open()?,
        };
        if let Some(kind) = SLOT.wanted().and_then(|number| KINDS.get(number)) {
            start(kind)?;
        }
        Ok(registration)
    }
}

/// Starts a stall, or has the module's init start it.
///
/// Errors: `EBUSY` if one goes on, `ENODEV` if the module is going, `ENOMEM`, and those of [`Plan::new`]. Context:
/// may sleep.
pub(super) fn start(kind: &'static Kind) -> Result {
    let number = KINDS.iter().position(|other| other.name == kind.name);
    SLOT.start(number.ok_or(EINVAL)?, || Plan::new(kind).map(Run::new))
}

/// Asks the stall that goes on to end. Does not wait.
///
/// Context: may sleep.
pub(super) fn stop() {
    SLOT.stop();
}

/// What the parameter `stall` shows.
pub(super) struct Status;

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SLOT.look(|run, runs| report::status(f, run, runs))
    }
}
