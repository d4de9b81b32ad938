// SPDX-License-Identifier: GPL-2.0

//! What the log and the parameter `stall` say of a run. None of it looks like what the kernel says of a stall.

use super::{kinds::KINDS, run::Run};
use crate::lab::job::Outcome;
use core::fmt;
use kernel::prelude::*;

pub(super) fn begin(run: &Run) {
    let plan = &run.plan;
    pr_info!(
        "stall: begin {} on CPU {} for {} ms: {}\n",
        plan.kind.name,
        plan.cpu,
        plan.hold_ms,
        plan.kind.shows
    );
}

pub(super) fn end(run: &Run) {
    pr_info!(
        "stall: end {} after {} ms: {}; the next grace period took {} ms\n",
        run.plan.kind.name,
        run.progress.took_ms(),
        format_args!("{}", Told(run.progress.outcome())),
        run.recovery_ms()
    );
}

/// An outcome in words.
struct Told(Outcome);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Outcome::None => f.write_str("none"),
            Outcome::Done => f.write_str("ended"),
            Outcome::Stopped => f.write_str("stopped"),
            Outcome::Failed(error) => write!(f, "failed {error:?}"),
        }
    }
}

/// Writes lines of a key and a value, about the run that was started last of so many, and about the kinds.
pub(super) fn status(f: &mut fmt::Formatter<'_>, run: Option<&Run>, runs: u32) -> fmt::Result {
    if let Some(run) = run {
        let plan = &run.plan;
        let state = match run.progress.outcome() {
            Outcome::None => "running",
            _ => "idle",
        };
        let comm = plan.kind.culprit.and_then(|comm| comm.to_str().ok());
        writeln!(f, "state {state}")?;
        writeln!(f, "kind {}", plan.kind.name)?;
        writeln!(f, "cpu {}", plan.cpu)?;
        writeln!(f, "hold_ms {}", plan.hold_ms)?;
        writeln!(f, "pid {}", run.pid())?;
        writeln!(f, "comm {}", comm.unwrap_or("none"))?;
        writeln!(f, "seconds {}", run.progress.took_ms() / 1000)?;
        writeln!(f, "runs {runs}")?;
        writeln!(f, "grace_period_ms {}", run.recovery_ms())?;
        write!(f, "outcome {}", Told(run.progress.outcome()))?;
    } else {
        f.write_str("state idle\nkind none\ncpu 0\nhold_ms 0\npid 0\ncomm none\nseconds 0\n")?;
        write!(f, "runs {runs}\ngrace_period_ms 0\noutcome none")?;
    }
    for kind in &KINDS {
        write!(f, "\nhas {} ", kind.name)?;
        match (kind.missing, kind.breaks) {
            (Some(needs), _) => write!(f, "no:{needs}")?,
            (None, Some(_)) => f.write_str("unsafe")?,
            (None, None) => f.write_str("yes")?,
        }
        write!(f, "\nhold {} {}", kind.name, kind.hold_ms)?;
        write!(f, "\nexpect {} {}", kind.name, kind.expects)?;
    }
    Ok(())
}
