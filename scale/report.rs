// SPDX-License-Identifier: GPL-2.0

//! What the parameter `scale` says: lines of a key and a value, and rows.
//!
//! ```text
//!   state running                 or idle
//!   result none                   of the run that has ended last: none, done, stopped or failed 12, an errno
//!   runs 3                        that have begun since the module was loaded
//!   kind read
//!   passed 4                      of `nruns` times that each row is to be measured
//!   …                             the knobs as they were
//!   row …                         see `row.rs`
//! ```

use super::run::Run;
use crate::lab::job::Outcome;
use core::fmt;

/// The status of a slot.
pub(super) fn status(f: &mut fmt::Formatter<'_>, run: Option<&Run>, runs: u32) -> fmt::Result {
    let outcome = run.map(|run| run.progress.outcome());
    let state = match outcome {
        Some(Outcome::None) => "running",
        _ => "idle",
    };
    write!(f, "state {state}\nresult ")?;
    match outcome {
        None | Some(Outcome::None) => f.write_str("none")?,
        Some(Outcome::Done) => f.write_str("done")?,
        Some(Outcome::Stopped) => f.write_str("stopped")?,
        Some(Outcome::Failed(error)) => write!(f, "failed {}", error.to_errno().unsigned_abs())?,
    }
    write!(f, "\nruns {runs}")?;
    let Some(run) = run else {
        return Ok(());
    };
    let plan = &run.plan;
    write!(
        f,
        "\nkind {}\nmilliseconds {}\npassed {}\nnruns {}\nloops {}\nreaders {}",
        plan.kind.name(),
        run.progress.took_ms(),
        run.passed(),
        plan.runs,
        plan.loops,
        plan.readers,
    )?;
    if plan.is_about_table() {
        write!(f, "\nseed {}\nwriter {}", plan.seed, plan.writer.name())?;
    }
    run.rows.each(|row| write!(f, "\n{row}"))
}
