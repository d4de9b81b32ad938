// SPDX-License-Identifier: GPL-2.0

//! A run, from its beginning to its end. Dropped before, it is told to end.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::options::name_of;
use super::{Kind, Live, Parameters, Report, State, Trouble, NONE, SCALE};
use crate::error::Result;

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

pub struct Run<'a, P: Parameters> {
    parameters: &'a P,
    number: u64,
    begun: Instant,
    /// When it was told to end.
    ending: Option<Instant>,
    over: bool,
}

impl<'a, P: Parameters> Run<'a, P> {
    /// Starts one; `before` is what was reported before.
    pub fn begin(parameters: &'a P, kind: Kind, before: &Report) -> Result<Self> {
        parameters.write(SCALE, &name_of(&kind))?;
        Ok(Self::numbered(parameters, before.runs + 1))
    }

    /// The one that is going on.
    pub fn of(parameters: &'a P, report: &Report) -> Self {
        Self::numbered(parameters, report.runs)
    }

    fn numbered(parameters: &'a P, number: u64) -> Self {
        Self {
            parameters,
            number,
            begun: Instant::now(),
            ending: None,
            over: false,
        }
    }

    /// Ends it.
    pub fn stop(mut self, pace: &Pace) -> Result<Report> {
        self.ask_to_stop()?;
        self.follow(pace, &mut || false, &mut Live::hidden())
    }

    /// Looks at it until it is over.
    pub fn follow(
        mut self,
        pace: &Pace,
        interrupted: &mut dyn FnMut() -> bool,
        live: &mut Live,
    ) -> Result<Report> {
        loop {
            let report = self.report()?;
            if report.state == State::Idle {
                self.over = true;
                return Ok(report);
            }
            live.update(&report, self.begun.elapsed());
            if interrupted() {
                if self.ending.is_some() {
                    self.over = true;
                    return Err(Trouble::GaveUp.into());
                }
                self.ask_to_stop()?;
            }
            match self.ending {
                Some(since) if since.elapsed() > pace.patience => {
                    return Err(Trouble::NoEnd(pace.patience).into());
                }
                _ => sleep(pace.tick),
            }
        }
    }

    fn ask_to_stop(&mut self) -> Result<()> {
        self.ending = Some(Instant::now());
        self.parameters.write(SCALE, NONE)
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
            let _ = self.parameters.write(SCALE, NONE);
        }
    }
}
