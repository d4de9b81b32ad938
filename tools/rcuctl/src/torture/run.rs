// SPDX-License-Identifier: GPL-2.0

//! One run, from its start to its verdict.

use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::live::Live;
use super::report::Report;
use super::trouble::Trouble;
use super::{STOP, TORTURE};
use crate::error::{Error, Result};
use crate::parameters::{self, Parameters};
use crate::run::{Run, State};

/// How often the report is read, and how long one waits for what must come.
pub struct Pace {
    pub tick: Duration,
    /// How late the kernel may be to end a run by its own clock, before it is told to.
    pub late: Duration,
    /// How long a run may take to end: its threads wait for grace periods, and the last callbacks run. A
    /// debug kernel under an emulator takes its time, and a stalled grace period is reported after 60 s.
    pub verdict: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            tick: Duration::from_millis(200),
            late: Duration::from_secs(5),
            verdict: Duration::from_secs(120),
        }
    }
}

/// A run that has ended.
pub struct Ended {
    /// The last report of it, with its verdict.
    pub report: Report,
    /// When its first error was seen, counted from its start.
    pub caught_after: Option<Duration>,
    pub interrupted: bool,
}

/// Starts a run; `before` is the last report before that.
pub fn begin<'a, P: Parameters>(parameters: &'a P, before: &Report) -> Result<Run<'a, P>> {
    parameters
        .write(TORTURE, "1")
        .map_err(|error| match error {
            Error::Parameter(parameters::Trouble::Refused { source, .. })
                if source.raw_os_error() == Some(Errno::EBUSY as i32) =>
            {
                Trouble::Busy.into()
            }
            error => error,
        })?;
    Ok(Run::new(parameters, TORTURE, STOP, before.runs + 1))
}

/// Shows how a run goes until it has ended. It is asked to stop on the first interrupt, when its bug was
/// caught, and when the kernel has not ended it in time; a second interrupt gives up waiting.
pub fn follow(
    mut run: Run<'_, impl Parameters>,
    limit: Option<Duration>,
    pace: &Pace,
    interrupted: &mut dyn FnMut() -> bool,
    live: &mut Live,
) -> Result<Ended> {
    let mut caught_after = None;
    let mut interrupts = 0;
    loop {
        let report = Report::read(run.parameters)?;
        run.check(report.runs, Trouble::Overtaken, Trouble::Unloaded)?;
        let elapsed = run.begun.elapsed();
        if report.errors > 0 {
            caught_after.get_or_insert(elapsed);
        }
        if report.state == State::Idle {
            run.over = true;
            return Ok(Ended {
                report,
                caught_after,
                interrupted: interrupts > 0,
            });
        }
        live.update(&report, elapsed);
        if interrupted() {
            interrupts += 1;
        }
        let deadline = limit.map(|limit| limit + pace.late);
        end_if_due(&mut run, &report, interrupts, deadline)?;
        if run.is_late(pace.verdict) {
            return Err(Trouble::NoVerdict(pace.verdict).into());
        }
        sleep(pace.tick);
    }
}

fn end_if_due(
    run: &mut Run<'_, impl Parameters>,
    report: &Report,
    interrupts: u32,
    deadline: Option<Duration>,
) -> Result<()> {
    if interrupts > 1 {
        return Err(Trouble::GaveUp.into());
    }
    if report.state == State::Stopping {
        run.ending.get_or_insert_with(Instant::now);
    }
    let caught = report.has_bug() && report.errors > 0;
    let overdue = deadline.is_some_and(|deadline| run.begun.elapsed() > deadline);
    if run.ending.is_none() && (interrupts > 0 || caught || overdue) {
        run.end()?;
    }
    Ok(())
}
