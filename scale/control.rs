// SPDX-License-Identifier: GPL-2.0

//! Starting and stopping runs, from module parameters.

use super::{
    knobs::{Kind, Plan},
    report,
    run::Run,
};
use crate::{
    lab::job::{self, Slot},
    rcu::{read_lock, Rcu, RcuBox, Reclaim, Workqueue},
    rcu_table::Table,
};
use core::fmt;
use kernel::{prelude::*, sync::Arc};

static SLOT: Slot<Run> = Slot::new();

/// The table to measure, while the module is there.
static TABLE: Rcu<Measured> = Rcu::null();

struct Measured(Arc<Table>);

impl Reclaim for Measured {
    // The last one to let go of a table frees it, which takes long.
    type Context = Workqueue;
}

/// Lets runs be started. Dropped, it ends the one that goes on, and lets no other begin.
pub(crate) struct Registration {
    _jobs: job::Registration<Run>,
    _table: Published,
}

/// Keeps [`TABLE`] in place.
struct Published;

impl Drop for Published {
    fn drop(&mut self) {
        drop(TABLE.replace(None));
    }
}

impl Registration {
    /// Starts the run that `insmod` asked for.
    ///
    /// Errors: `ENOMEM`, or those of [`start`]. Context: may sleep.
    pub(crate) fn new(table: Arc<Table>) -> Result<Self> {
        drop(TABLE.replace(Some(RcuBox::new(Measured(table), GFP_KERNEL)?)));
        let registration = Self {
            _table: Published,
            _jobs: SLOT.open()?,
        };
        if let Some(kind) = SLOT.wanted().and_then(|number| Kind::ALL.get(number)) {
            start(*kind)?;
        }
        Ok(registration)
    }
}

/// Starts a run, or has the module's init start it.
///
/// Errors: `EBUSY` if one goes on, `ENODEV` if the module is going, `ENOMEM`. Context: may sleep.
pub(super) fn start(kind: Kind) -> Result {
    SLOT.start(kind as usize, || {
        let table = TABLE
            .dereference(&read_lock())
            .map(|measured| measured.0.clone());
        Run::new(Plan::from_knobs(kind), table.ok_or(ENODEV)?)
    })
}

/// Asks the run that goes on to end. Does not wait.
///
/// Context: may sleep.
pub(super) fn stop() {
    SLOT.stop();
}

/// What the parameter `scale` shows.
pub(super) struct Status;

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SLOT.look(|run, runs| report::status(f, run, runs))
    }
}
