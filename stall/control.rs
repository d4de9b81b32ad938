// SPDX-License-Identifier: GPL-2.0

//! Starting and stopping stalls, from module parameters.

use super::{
    kinds::{Kind, KINDS},
    knobs::Plan,
    report,
    run::Run,
};
use crate::job::{self, Slot};
use core::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
};
use kernel::prelude::*;

static SLOT: Slot<Run> = Slot::new();

/// One more than the number of the kind that `insmod` asked for; 0 for none.
static WANTED: AtomicUsize = AtomicUsize::new(0);

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
        // ORDERING: Parameters are set one at a time, and those of insmod before init.
        let wanted = WANTED.load(Ordering::Relaxed);
        if let Some(kind) = wanted.checked_sub(1).and_then(|number| KINDS.get(number)) {
            start_now(kind)?;
        }
        Ok(registration)
    }
}

/// Starts a stall, or has the module's init start it.
///
/// Errors: `EBUSY` if one goes on, `ENODEV` if the module is going, `ENOMEM`, and those of [`Plan::new`]. Context:
/// may sleep.
pub(super) fn start(kind: &'static Kind) -> Result {
    if SLOT.is_open() {
        return start_now(kind);
    }
    let number = KINDS.iter().position(|other| other.name == kind.name);
    WANTED.store(number.map_or(0, |number| number + 1), Ordering::Relaxed);
    Ok(())
}

fn start_now(kind: &'static Kind) -> Result {
    SLOT.start(|| Plan::new(kind).map(Run::new))
        .inspect_err(|error| {
            if *error == EBUSY {
                pr_err!("parameter stall: a stall goes on; write none to end it\n");
            }
        })
}

/// Asks the stall that goes on to end. Does not wait.
///
/// Context: may sleep.
pub(super) fn stop() {
    WANTED.store(0, Ordering::Relaxed);
    SLOT.stop();
}

/// What the parameter `stall` shows.
pub(super) struct Status;

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SLOT.look(|run, runs| report::status(f, run, runs))
    }
}
