// SPDX-License-Identifier: GPL-2.0

//! The parameter `torture`, and the job that it starts.

use super::{
    findings::Finding,
    knobs::{Plan, Subject},
    pointers,
    rcu::Pointer,
    report, routes,
    run::Run,
    srcu::SleepablePointer,
};
use crate::{
    kernel_ext::{params::parameter, permission},
    lab::{control::JobControl, job::Job, progress::Progress},
};
use core::{ffi::CStr, fmt};
use kernel::{prelude::*, sync::Arc};

pub(crate) static CONTROL: JobControl<Run> = JobControl::new();

parameter! {
    torture: bool, default "0",
    "Torture: 1 starts a run, 0 stops it; a read returns the state and the findings",
    require: permission::check,
    show: CONTROL,
    set: |is_start| CONTROL.request(is_start.then_some(())),
}

impl Job for Run {
    type Kind = ();

    const THREAD_NAME: &'static CStr = c"rcu_torture";
    const BUSY: &'static str = "torture: a run is active; write 0 to stop it";

    fn new((): ()) -> Result<Self> {
        Self::new(Plan::from_knobs()?)
    }

    fn progress(&self) -> &Progress {
        &self.progress
    }

    fn run(this: &Arc<Self>) {
        report::begin(this);
        let result = match this.plan.subject {
            Subject::Rcu => pointers::torture::<Pointer>(this),
            Subject::Srcu => pointers::torture::<SleepablePointer>(this),
            Subject::Table => routes::torture(this),
        };
        if let Err(error) = result {
            let errno = error.to_errno().unsigned_abs().into();
            this.findings.note(Finding::NotStarted, errno);
        }
        this.stop();
        this.progress.end(Ok(()), this.progress.elapsed_ms());
        report::end(this);
    }

    fn write_status(f: &mut fmt::Formatter<'_>, last: Option<&Self>, count: u32) -> fmt::Result {
        report::status(f, last, count)
    }
}
