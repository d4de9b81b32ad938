// SPDX-License-Identifier: GPL-2.0

//! The log lines of a run, in the format of rcutorture, and the text of the parameter `torture`.

use super::{
    counters::{Count, AGES},
    findings::Described,
    run::{Run, MIN_VERDICT_MS},
};
use crate::kernel_ext::params::Choice;
use core::fmt;
use kernel::prelude::*;

/// Displays the histogram of reads by age.
struct Pipe([u64; AGES]);

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|reads| write!(f, " {reads}"))
    }
}

/// Displays the plan of a run.
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

/// Displays the counters that are not 0.
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

fn log(text: fmt::Arguments<'_>) {
    pr_alert!("rcu-torture:{text}\n");
}

pub(super) fn begin(run: &Run) {
    log(format_args!("--- Start of test: {}", Setup(run)));
}

pub(super) fn statistics(run: &Run) {
    log(format_args!("{}", Totals(run)));
    log(format_args!(" Reader Pipe: {}", Pipe(run.ages())));
    for (finding, times, most) in run.findings.iter() {
        let finding = Described(finding, most);
        run.findings.log(format_args!("{times} times: {finding}"));
    }
}

pub(super) fn end(run: &Run) {
    statistics(run);
    log(format_args!(
        "--- End of test: {}: {}",
        verdict(run),
        Setup(run)
    ));
}

/// Returns the verdict on a run that has ended. A run that ended too early has proved nothing.
fn verdict(run: &Run) -> &'static str {
    let has_tested = run.progress.took_ms() >= MIN_VERDICT_MS && run.total(Count::Updates) > 0;
    match run.findings.total() {
        0 if has_tested => "SUCCESS",
        0 => "none",
        _ => "FAILURE",
    }
}

/// Writes the text of the parameter `torture`: the last of `count` runs.
pub(super) fn status(f: &mut fmt::Formatter<'_>, last: Option<&Run>, count: u32) -> fmt::Result {
    let (state, verdict) = match last {
        None => ("idle", "none"),
        Some(run) if run.progress.has_ended() => ("idle", verdict(run)),
        Some(run) if run.is_over() => ("stopping", "none"),
        Some(_) => ("running", "none"),
    };
    write!(f, "state {state}\nverdict {verdict}\nruns {count}")?;
    let Some(run) = last else {
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
    for (finding, times, most) in run.findings.iter() {
        write!(f, "\nerror {times} {}", Described(finding, most))?;
    }
    Ok(())
}
