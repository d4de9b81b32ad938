// SPDX-License-Identifier: GPL-2.0

//! A fake of the module's scale runs: each measurement takes a second.

use nix::errno::Errno;

use super::JOB;
use crate::fake::module::{self, FakeJob, Module};
use crate::run::Job;

pub type Fake = module::Fake<FakeScale>;

#[derive(Default)]
pub struct FakeScale {
    /// The `scale_nruns` that the run started with.
    wanted: u64,
    /// Runs fail with this errno.
    pub failure: Option<Errno>,
}

impl FakeJob for FakeScale {
    const JOB: &'static Job = &JOB;
    const VALUES: &'static [(&'static str, &'static str)] = &[
        ("scale_nreaders", "-1"),
        ("scale_nruns", "10"),
        ("/sys/devices/system/cpu/online", "0-1"),
    ];

    fn start(module: &mut Module<Self>, _: &str) -> Result<(), Errno> {
        module.job.wanted = module.values["scale_nruns"].parse().expect("a number");
        Ok(())
    }

    fn second(module: &mut Module<Self>) -> bool {
        let run = module.run.as_ref();
        run.is_some_and(|run| run.seconds >= module.job.wanted)
    }

    fn report(module: &Module<Self>) -> String {
        let runs = module.runs;
        let Some(run) = &module.run else {
            return format!("state idle\nresult none\nruns {runs}");
        };
        let (state, result) = match (module.job.failure, run) {
            (Some(errno), _) => ("idle", format!("failed {} {errno}: why", errno as i32)),
            (None, run) if !run.is_over => ("running", "none".to_string()),
            (None, run) if run.was_stopped => ("idle", "stopped".to_string()),
            (None, _) => ("idle", "done".to_string()),
        };
        let (kind, passed, wanted) = (&run.value, run.seconds, module.job.wanted);
        format!(
            "state {state}\nresult {result}\nruns {runs}\nkind {kind}\npassed {passed}\nnruns {wanted}\n\
             row kind=rcu readers=1 min=1 median=2 max=3 wall=2 dropped=0"
        )
    }
}
