// SPDX-License-Identifier: GPL-2.0

//! What a run says: in the log in rcutorture's manner, and in the parameter `torture` for programs.

use super::{
    counters::{Count, AGES},
    findings::Described,
    run::{Run, State},
};
use core::fmt;
use kernel::prelude::*;

/// The histogram of reads by age.
struct Pipe([u64; AGES]);

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|reads| write!(f, " {reads}"))
    }
}

/// How a run was set up.
struct Setup<'r>(&'r Run);

impl fmt::Display for Setup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = &self.0.plan;
        write!(
            f,
            "torture_type={} nreaders={} nfakewriters={} stat_interval={} stutter={} onoff_interval={} shutdown_secs={} bug={}",
            plan.subject.name(),
            plan.readers,
            plan.fake_writers,
            plan.stat_interval,
            plan.stutter,
            plan.onoff_interval,
            plan.shutdown,
            plan.bug.name(),
        )
    }
}

/// Counters that are not 0.
struct Totals<'r>(&'r Run);

impl fmt::Display for Totals<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (count, name) in Count::ALL {
            match self.0.total(*count) {
                0 => {}
                total => write!(f, " {name}: {total}")?,
            }
        }
        Ok(())
    }
}

fn say(what: fmt::Arguments<'_>) {
    pr_alert!("rcu-torture:{what}\n");
}

pub(super) fn begin(run: &Run) {
    say(format_args!("--- Start of test: {}", Setup(run)));
}

pub(super) fn statistics(run: &Run) {
    say(format_args!("{}", Totals(run)));
    say(format_args!(" Reader Pipe: {}", Pipe(run.ages())));
    for (finding, times, most) in run.findings.each() {
        let what = Described(finding, most);
        run.findings.tell(format_args!("{times} times: {what}"));
    }
}

pub(super) fn end(run: &Run) {
    statistics(run);
    let verdict = match run.state() {
        State::Success => "SUCCESS",
        _ => "FAILURE",
    };
    say(format_args!("--- End of test: {verdict}: {}", Setup(run)));
}

/// What the parameter `torture` shows.
pub(super) struct Status<'r> {
    /// The run that goes on, or the last.
    pub(super) run: Option<&'r Run>,
    pub(super) runs: u32,
}

impl fmt::Display for Status<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.run.map(Run::state);
        let (state, verdict) = match state {
            None => ("idle", "none"),
            Some(State::Running) => ("running", "none"),
            Some(State::Stopping) => ("stopping", "none"),
            Some(State::Success) => ("idle", "SUCCESS"),
            Some(State::Failure) => ("idle", "FAILURE"),
        };
        write!(f, "state {state}\nverdict {verdict}\nruns {}", self.runs)?;
        let Some(run) = self.run else {
            return Ok(());
        };
        write!(
            f,
            "\ntype {}\nbug {}\nseconds {}\nreaders {}\nfake_writers {}",
            run.plan.subject.name(),
            run.plan.bug.name(),
            run.seconds(),
            run.plan.readers,
            run.plan.fake_writers,
        )?;
        for (count, name) in Count::ALL {
            write!(f, "\n{name} {}", run.total(*count))?;
        }
        write!(
            f,
            "\npipe{}\nerrors {}",
            Pipe(run.ages()),
            run.findings.total()
        )?;
        for (finding, times, most) in run.findings.each() {
            write!(f, "\nerror {times} {}", Described(finding, most))?;
        }
        Ok(())
    }
}
