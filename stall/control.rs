// SPDX-License-Identifier: GPL-2.0

//! The parameter `stall`, and the job that it starts.

use super::{kind::StallKind, report, run::Run};
use crate::{
    kernel_ext::{kthread::Attributes, params::parameter, permission},
    lab::{control::JobControl, job::Job, progress::Progress},
    rcu,
};
use core::{ffi::CStr, fmt};
use kernel::{prelude::*, sync::Arc};

pub(crate) static CONTROL: JobControl<Stall> = JobControl::new();

parameter! {
    stall: Option<&'static StallKind>, default "none",
    "Stall or misuse to provoke, or none to stop it; a read returns the state and the kinds",
    require: permission::check,
    show: CONTROL,
    set: |kind| CONTROL.request(kind),
}

/// A stall of one kind.
pub(crate) struct Stall {
    kind: &'static StallKind,
    run: Arc<Run>,
}

impl Job for Stall {
    type Kind = &'static StallKind;

    const THREAD_NAME: &'static CStr = c"rcu_stall";
    const BUSY: &'static str = "stall: a stall is active; write none to stop it";

    fn new(kind: &'static StallKind) -> Result<Self> {
        let run = Arc::new(Run::new(kind.plan()?), GFP_KERNEL)?;
        Ok(Self { kind, run })
    }

    fn attributes(&self) -> Attributes {
        Attributes {
            // Its timers must not be on the CPU that the stall keeps from serving them.
            cpu: self.run.plan.other_cpu,
            ..Attributes::default()
        }
    }

    fn progress(&self) -> &Progress {
        &self.run.progress
    }

    fn run(this: &Arc<Self>) {
        let (kind, run) = (this.kind, &this.run);
        run.hold_off();
        // RCU reads its time-outs when a grace period begins: recent changes apply after this one.
        rcu::synchronize();
        report::begin(kind, run);
        let result = match run.is_over() {
            true => Ok(()),
            false => (kind.provoke)(run),
        };
        let took_ms = run.progress.elapsed_ms();
        // A stall is over only when grace periods end again.
        run.measure_recovery();
        run.progress.end(result, took_ms);
        report::end(kind, run);
    }

    fn write_status(f: &mut fmt::Formatter<'_>, last: Option<&Self>, count: u32) -> fmt::Result {
        report::status(f, last.map(|stall| (stall.kind, &*stall.run)), count)
    }
}
