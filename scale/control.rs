// SPDX-License-Identifier: GPL-2.0

//! Starting and stopping runs, from module parameters.

use super::{
    knobs::{Kind, Plan},
    report,
    run::Run,
};
use crate::{
    job::{self, Slot},
    rcu::{read_lock, Rcu, RcuBox, Reclaim, Workqueue},
    rcu_table::Table,
};
use core::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
};
use kernel::{prelude::*, sync::Arc};

static SLOT: Slot<Run> = Slot::new();

/// The table to measure, while the module is there.
static TABLE: Rcu<Measured> = Rcu::null();

/// One more than the number of the kind that `insmod` asked for; 0 for none.
static WANTED: AtomicUsize = AtomicUsize::new(0);

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
        // ORDERING: Parameters are set one at a time, and those of insmod before init.
        let wanted = WANTED.load(Ordering::Relaxed);
        if let Some(kind) = wanted
            .checked_sub(1)
            .and_then(|number| Kind::ALL.get(number))
        {
            start_now(*kind)?;
        }
        Ok(registration)
    }
}

/// Starts a run, or has the module's init start it.
///
/// Errors: `EBUSY` if one goes on, `ENODEV` if the module is going, `ENOMEM`. Context: may sleep.
pub(super) fn start(kind: Kind) -> Result {
    if SLOT.is_open() {
        return start_now(kind);
    }
    WANTED.store(kind as usize + 1, Ordering::Relaxed);
    Ok(())
}

fn start_now(kind: Kind) -> Result {
    SLOT.start(|| {
        let table = TABLE
            .dereference(&read_lock())
            .map(|measured| measured.0.clone());
        Run::new(Plan::from_knobs(kind), table.ok_or(ENODEV)?)
    })
    .inspect_err(|error| {
        if *error == EBUSY {
            pr_err!("parameter scale: a run goes on; write none to end it\n");
        }
    })
}

/// Asks the run that goes on to end. Does not wait.
///
/// Context: may sleep.
pub(super) fn stop() {
    WANTED.store(0, Ordering::Relaxed);
    SLOT.stop();
}

/// What the parameter `scale` shows.
pub(super) struct Status;

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SLOT.look(|run, runs| report::status(f, run, runs))
    }
}
