// SPDX-License-Identifier: GPL-2.0

//! A run, until its end.

use std::thread::sleep;
use std::time::Duration;

use super::{Live, Report, Trouble};
use crate::error::Result;
use crate::parameters::Parameters;
use crate::run::{Run, State};

/// How often to look, and how long to wait.
pub struct Pace {
    pub tick: Duration,
    /// For a run that was told to end.
    pub patience: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            tick: Duration::from_millis(200),
            // A batch of a contended lock, on an emulated machine.
            patience: Duration::from_secs(60),
        }
    }
}

/// Looks at a run until it is over.
pub fn follow(
    mut run: Run<'_, impl Parameters>,
    pace: &Pace,
    interrupted: &mut dyn FnMut() -> bool,
    live: &mut Live,
) -> Result<Report> {
    loop {
        let report = Report::read(run.parameters)?;
        run.check(report.runs, Trouble::Overtaken, Trouble::Unloaded)?;
        if report.state == State::Idle {
            run.over = true;
            return Ok(report);
        }
        live.update(&report, run.begun.elapsed());
        if interrupted() {
            if run.ending.is_some() {
                run.over = true;
                return Err(Trouble::GaveUp.into());
            }
            run.end()?;
        }
        if run.is_late(pace.patience) {
            return Err(Trouble::NoEnd(pace.patience).into());
        }
        sleep(pace.tick);
    }
}
