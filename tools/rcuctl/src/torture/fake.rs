// SPDX-License-Identifier: GPL-2.0

//! A fake of the module's torture.

use nix::errno::Errno;

use super::JOB;
use crate::fake::module::{self, FakeJob, Module};
use crate::run::Job;

pub type Fake = module::Fake<FakeTorture>;

/// The second at which the module finds a bug.
const CAUGHT_AT: u64 = 2;

/// A run has the values that the parameters had when it started.
#[derive(Default)]
pub struct FakeTorture {
    kind: String,
    bug: String,
    shutdown: u64,
    pub ignores_shutdown: bool,
}

impl FakeJob for FakeTorture {
    const JOB: &'static Job = &JOB;
    const VALUES: &'static [(&'static str, &'static str)] = &[
        ("shutdown_secs", "0"),
        ("stutter", "0"),
        ("onoff_interval", "0"),
        ("stat_interval", "0"),
        ("nfakewriters", "0"),
        ("nreaders", "-1"),
        ("torture_type", "rcu"),
        ("bug", "none"),
    ];

    fn start(module: &mut Module<Self>, _: &str) -> Result<(), Errno> {
        module.job.kind = module.values["torture_type"].clone();
        module.job.bug = module.values["bug"].clone();
        module.job.shutdown = module.values["shutdown_secs"].parse().expect("a number");
        Ok(())
    }

    fn second(module: &mut Module<Self>) -> bool {
        let FakeTorture {
            shutdown,
            ignores_shutdown,
            ..
        } = module.job;
        let seconds = module.run.as_ref().map_or(0, |run| run.seconds);
        shutdown > 0 && seconds >= shutdown && !ignores_shutdown
    }

    fn report(module: &Module<Self>) -> String {
        let run = module.run.clone().unwrap_or_default();
        let state = match (module.is_idle(), run.is_stopping) {
            (true, _) => "idle",
            (false, true) => "stopping",
            (false, false) => "running",
        };
        let FakeTorture { kind, bug, .. } = &module.job;
        let (seconds, runs) = (run.seconds, module.runs);
        let errors = u64::from(bug != "none" && seconds >= CAUGHT_AT);
        let verdict = match (run.is_over, errors) {
            (false, _) => "none",
            (true, 0) => "SUCCESS",
            (true, _) => "FAILURE",
        };
        let reads = seconds * 1000;
        format!(
            "state {state}\nverdict {verdict}\nruns {runs}\ntype {kind}\nbug {bug}\nseconds {seconds}\n\
             readers 2\nreads {reads}\npipe {} 0 {errors}\nerrors {errors}",
            reads.saturating_sub(errors),
        )
    }
}
