// SPDX-License-Identifier: GPL-2.0

//! The parameter `scale`, the measurements that it starts, and their job.

use super::{grace_period, lookup, measurement::Measurement, read, report, run::Run, update};
use crate::{
    kernel_ext::params::{names, parameter, Choice},
    lab::{
        control::{self, JobControl},
        job::Job,
        progress::Progress,
    },
    rcu::{read_lock, Rcu, Reclaim, UniqueRcuBox, Workqueue},
    rcu_table::Table,
};
use core::{ffi::CStr, fmt};
use kernel::{prelude::*, sync::Arc};

/// All measurements. To add one, write it in a file of its own and add a line here.
const MEASUREMENTS: [&Measurement; 4] = [
    &read::READ,
    &lookup::LOOKUP,
    &update::UPDATE,
    &grace_period::GRACE_PERIOD,
];

impl Choice for &'static Measurement {
    const ALL: &'static [Self] = &MEASUREMENTS;
    const NAMES: &'static [&'static str] = &names!(MEASUREMENTS, |measurement| measurement.name);

    fn name(self) -> &'static str {
        self.name
    }
}

static CONTROL: JobControl<Scale> = JobControl::new();

/// The table to measure; null before init and after exit.
static TABLE: Rcu<MeasuredTable> = Rcu::null();

parameter! {
    scale: Option<&'static Measurement>, default "none",
    "Measurement to run, or none to stop it; a read returns the state and the results",
    show: CONTROL,
    set: |measurement| CONTROL.request(measurement),
}

struct MeasuredTable(Arc<Table>);

impl Reclaim for MeasuredTable {
    // Dropping the last reference frees the table, which takes long.
    type Context = Workqueue;
}

/// Allows measurements to be started. Dropping it stops the running one and refuses further ones.
pub(crate) struct Registration {
    _jobs: control::Registration<Scale>,
    _table: TablePublication,
}

/// Keeps [`TABLE`] published.
struct TablePublication;

impl Drop for TablePublication {
    fn drop(&mut self) {
        drop(TABLE.replace(None));
    }
}

impl Registration {
    /// Allows measurements of `table` to be started, and starts the one that `insmod` has
    /// requested.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(crate) fn new(table: Arc<Table>) -> Result<Self> {
        drop(TABLE.replace(Some(UniqueRcuBox::new(MeasuredTable(table), GFP_KERNEL)?)));
        Ok(Self {
            _table: TablePublication,
            _jobs: CONTROL.register()?,
        })
    }
}

/// A measurement and its runs.
struct Scale {
    measurement: &'static Measurement,
    run: Arc<Run>,
}

impl Job for Scale {
    type Kind = &'static Measurement;

    const THREAD_NAME: &'static CStr = c"rcu_scale";
    const BUSY: &'static str = "scale: a run is active; write none to stop it";

    fn new(measurement: &'static Measurement) -> Result<Self> {
        let table = TABLE
            .dereference(&read_lock())
            .map(|measured| measured.0.clone());
        let run = Run::new(measurement.plan()?, table.ok_or(ENODEV)?)?;
        Ok(Self {
            measurement,
            run: Arc::new(run, GFP_KERNEL)?,
        })
    }

    fn progress(&self) -> &Progress {
        &self.run.progress
    }

    fn run(this: &Arc<Self>) {
        let result = (this.measurement.measure)(&this.run);
        let progress = &this.run.progress;
        progress.end(result, progress.elapsed_ms());
    }

    fn write_status(f: &mut fmt::Formatter<'_>, last: Option<&Self>, count: u32) -> fmt::Result {
        report::status(f, last.map(|scale| (scale.measurement, &*scale.run)), count)
    }
}
