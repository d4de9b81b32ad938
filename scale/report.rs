// SPDX-License-Identifier: GPL-2.0

//! The text of the parameter `scale`: lines of a key and a value, and rows.
//!
//! ```text
//!   state running                 or idle
//!   result none                   of a run that has ended: done, stopped, or failed and why
//!   runs 3                        measurements started since the module was loaded
//!   kind read
//!   passed 4                      of the `nruns` runs
//!   …                             the knobs when the measurement was requested
//!   row …                         see `row.rs`
//! ```

use super::{measurement::Measurement, run::Run};
use crate::{
    kernel_ext::params::Choice,
    lab::{failure::Failure, progress::Outcome},
};
use core::fmt;

/// Writes the state of the last of `count` measurements.
pub(super) fn status(
    f: &mut fmt::Formatter<'_>,
    last: Option<(&Measurement, &Run)>,
    count: u32,
) -> fmt::Result {
    let outcome = last.map(|(_, run)| run.progress.outcome());
    let state = match outcome {
        Some(Outcome::Running) => "running",
        _ => "idle",
    };
    write!(f, "state {state}\nresult ")?;
    match outcome {
        None | Some(Outcome::Running) => f.write_str("none")?,
        Some(Outcome::Done) => f.write_str("done")?,
        Some(Outcome::Stopped) => f.write_str("stopped")?,
        Some(Outcome::Failed(error)) => {
            let errno = error.to_errno().unsigned_abs();
            write!(f, "failed {errno} {}", Failure(error))?;
        }
    }
    write!(f, "\nruns {count}")?;
    let Some((measurement, run)) = last else {
        return Ok(());
    };
    let plan = &run.plan;
    write!(
        f,
        "\nkind {}\nmilliseconds {}\npassed {}\nnruns {}\nloops {}\nreaders {}",
        measurement.name,
        run.progress.took_ms(),
        run.passed(),
        plan.runs,
        plan.loops,
        plan.readers,
    )?;
    if measurement.uses_table {
        write!(f, "\nseed {}\nwriter {}", plan.seed, plan.writer.name())?;
    }
    run.rows.for_each(|row| write!(f, "\n{row}"))
}
