// SPDX-License-Identifier: GPL-2.0

//! One run, from its start to its verdict.

use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::live::Live;
use super::report::{Report, State};
use super::trouble::Trouble;
use super::TORTURE;
use crate::error::{Error, Result};
use crate::parameters::{self, Parameters};

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

/// A run that is going on. Dropping it asks it to stop: who cannot see how it ends does not leave it to itself.
pub struct Run<'a, P: Parameters> {
    parameters: &'a P,
    /// How many have begun, with it.
    number: u64,
    begun: Instant,
    /// Since when it is to end.
    ending: Option<Instant>,
    over: bool,
}

impl<'a, P: Parameters> Run<'a, P> {
    /// Starts one; `before` is the last report before that.
    pub fn begin(parameters: &'a P, before: &Report) -> Result<Self> {
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
        Ok(Self::new(parameters, before.runs + 1))
    }

    /// The one that `report` is of, whoever began it.
    pub fn of(parameters: &'a P, report: &Report) -> Self {
        Self::new(parameters, report.runs)
    }

    fn new(parameters: &'a P, number: u64) -> Self {
        Self {
            parameters,
            number,
            begun: Instant::now(),
            ending: None,
            over: false,
        }
    }

    /// As if it had begun earlier.
    #[cfg(test)]
    pub fn started_before(&mut self, time: Duration) {
        self.begun = Instant::now() - time;
    }

    pub fn ask_to_stop(&mut self) -> Result<()> {
        self.ending.get_or_insert_with(Instant::now);
        self.parameters.write(TORTURE, "0")
    }

    /// Shows how it goes until it has ended. It is asked to stop on the first interrupt, when its bug was
    /// caught, and when the kernel has not ended it in time; a second interrupt gives up waiting.
    pub fn follow(
        mut self,
        limit: Option<Duration>,
        pace: &Pace,
        interrupted: &mut dyn FnMut() -> bool,
        live: &mut Live,
    ) -> Result<Ended> {
        let mut caught_after = None;
        let mut interrupts = 0;
        loop {
            let report = self.report()?;
            let elapsed = self.begun.elapsed();
            if report.errors > 0 {
                caught_after.get_or_insert(elapsed);
            }
            if report.state == State::Idle {
                self.over = true;
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
            self.end_if_due(&report, interrupts, limit.map(|limit| limit + pace.late))?;
            match self.ending {
                Some(since) if since.elapsed() > pace.verdict => {
                    return Err(Trouble::NoVerdict(pace.verdict).into());
                }
                _ => sleep(pace.tick),
            }
        }
    }

    fn end_if_due(
        &mut self,
        report: &Report,
        interrupts: u32,
        deadline: Option<Duration>,
    ) -> Result<()> {
        if interrupts > 1 {
            return Err(Trouble::GaveUp.into());
        }
        if report.state == State::Stopping {
            self.ending.get_or_insert_with(Instant::now);
        }
        let caught = report.has_bug() && report.errors > 0;
        let overdue = deadline.is_some_and(|deadline| self.begun.elapsed() > deadline);
        if self.ending.is_none() && (interrupts > 0 || caught || overdue) {
            self.ask_to_stop()?;
        }
        Ok(())
    }

    /// The report, as long as it is of this run.
    fn report(&mut self) -> Result<Report> {
        let report = Report::read(self.parameters)?;
        let (ours, found) = (self.number, report.runs);
        if found == ours {
            return Ok(report);
        }
        // It has ended, or there could not be another; that one is not ours to stop.
        self.over = true;
        Err(if found > ours {
            Trouble::Overtaken { ours, found }
        } else {
            Trouble::Unloaded
        }
        .into())
    }
}

impl<P: Parameters> Drop for Run<'_, P> {
    fn drop(&mut self) {
        if !self.over {
            // Another error is being told already, and it is the cause.
            let _ = self.parameters.write(TORTURE, "0");
        }
    }
}
