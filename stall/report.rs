// SPDX-License-Identifier: GPL-2.0

//! The log lines of a stall, and the text of the parameter `stall`. No line resembles a report of
//! the kernel.

use super::{kind::StallKind, kinds::KINDS, run::Run};
use crate::lab::{failure::Failure, progress::Outcome};
use core::fmt;
use kernel::prelude::*;

pub(super) fn begin(kind: &StallKind, run: &Run) {
    pr_info!(
        "stall: begin {} on CPU {} for {} ms: {}\n",
        kind.name,
        run.plan.cpu,
        run.plan.hold_ms,
        kind.shows
    );
}

pub(super) fn end(kind: &StallKind, run: &Run) {
    pr_info!(
        "stall: end {} after {} ms: {}; the next grace period took {} ms\n",
        kind.name,
        run.progress.took_ms(),
        format_args!("{}", OutcomeDisplay(run.progress.outcome())),
        run.recovery_ms()
    );
}

struct OutcomeDisplay(Outcome);

impl fmt::Display for OutcomeDisplay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Outcome::Running => f.write_str("none"),
            Outcome::Done => f.write_str("ended"),
            Outcome::Stopped => f.write_str("stopped"),
            Outcome::Failed(error) => write!(f, "failed {}", Failure(error)),
        }
    }
}

/// Writes lines of a key and a value: the last of `count` stalls, if any, and all kinds.
pub(super) fn status(
    f: &mut fmt::Formatter<'_>,
    last: Option<(&StallKind, &Run)>,
    count: u32,
) -> fmt::Result {
    if let Some((kind, run)) = last {
        let state = match run.progress.has_ended() {
            true => "idle",
            false => "running",
        };
        let comm = kind.culprit.and_then(|comm| comm.to_str().ok());
        writeln!(f, "state {state}")?;
        writeln!(f, "kind {}", kind.name)?;
        writeln!(f, "cpu {}", run.plan.cpu)?;
        writeln!(f, "hold_ms {}", run.plan.hold_ms)?;
        writeln!(f, "pid {}", run.pid())?;
        writeln!(f, "comm {}", comm.unwrap_or("none"))?;
        writeln!(f, "seconds {}", run.progress.took_ms() / 1000)?;
        writeln!(f, "runs {count}")?;
        writeln!(f, "grace_period_ms {}", run.recovery_ms())?;
        write!(f, "outcome {}", OutcomeDisplay(run.progress.outcome()))?;
    } else {
        f.write_str("state idle\nkind none\ncpu 0\nhold_ms 0\npid 0\ncomm none\nseconds 0\n")?;
        write!(f, "runs {count}\ngrace_period_ms 0\noutcome none")?;
    }
    for kind in KINDS {
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
