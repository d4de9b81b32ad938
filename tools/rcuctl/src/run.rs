// SPDX-License-Identifier: GPL-2.0

//! Jobs of the module: torture and scale runs, and stalls. A parameter starts and stops each job; a
//! read of it returns the report of the latest run.

use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Args;
use nix::errno::Errno;
use serde::Serialize;
use thiserror::Error;

use crate::error::{Error, Result};
use crate::interrupt::Interrupts;
use crate::parameters::{ParameterError, Parameters, PARAMETERS};
use crate::settings::Settings;

/// A kind of job.
#[derive(Debug, PartialEq, Eq)]
pub struct Job {
    /// Its name in messages: `torture run`.
    pub noun: &'static str,
    /// The parameter that starts and stops it and holds its report.
    pub parameter: &'static str,
    /// The value of the parameter that stops a run.
    pub stop: &'static str,
    /// The commands that show or stop a run, for error messages.
    pub commands: &'static str,
}

/// The options of `torture` and `scale` for the latest run.
#[derive(Debug, Args)]
pub struct JobOptions {
    /// Show the latest run, and start none
    #[arg(long, conflicts_with_all = ["stop", "RunOptions"])]
    pub status: bool,

    /// Stop the active run, and show its result
    #[arg(long, conflicts_with = "RunOptions")]
    pub stop: bool,

    /// The folder of the module's parameters
    #[arg(long, value_name = "DIR", default_value = PARAMETERS)]
    pub parameters: PathBuf,
}

/// The reason why a job has no result.
#[derive(Debug, Error)]
pub enum RunError {
    #[error("a {} is already active; {}", .0.noun, .0.commands)]
    Busy(&'static Job),

    #[error(
        "the {} is still active {} s after it was asked to stop; one of its threads may wait for a \
         grace period that does not end. `dmesg | tail` may show why; {}",
        .0.noun, .1.as_secs(), .0.commands
    )]
    NotStopped(&'static Job, Duration),

    #[error(
        "interrupted again while the {} was stopping: not waiting for its result; {}",
        .0.noun, .0.commands
    )]
    GaveUp(&'static Job),

    #[error(
        "{} {run} ended before its result was read: another process has started number {by}",
        .job.noun
    )]
    Overtaken {
        job: &'static Job,
        run: u64,
        by: u64,
    },

    #[error(
        "{}: another rcuctl{} runs this job; wait until it has ended, or interrupt it",
        parameter.display(),
        holder.map_or_else(String::new, |pid| format!(" (pid {pid})"))
    )]
    InUse {
        parameter: PathBuf,
        holder: Option<u32>,
    },

    #[error(
        "{} {}, so rcuctl does not trust the records in it; expected a folder of root with mode \
         0700. Remove it, and run rcuctl again",
        .0.display(), .1
    )]
    NotPrivate(PathBuf, String),

    #[error("a stall is active, and may have bound the thread; `rcuctl stall stop` stops it")]
    BoundByStall,

    #[error("the setting is {0:?} after the write")]
    NotRestored(String),

    #[error("the module was unloaded before the result of the {} was read", .0.noun)]
    Unloaded(&'static Job),
}

impl RunError {
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Busy(_) | Self::InUse { .. } | Self::BoundByStall => Some(Errno::EBUSY),
            Self::NotPrivate(..) => Some(Errno::EPERM),
            Self::NotStopped(..) => Some(Errno::ETIMEDOUT),
            Self::GaveUp(_) => Some(Errno::EINTR),
            Self::Overtaken { .. } | Self::Unloaded(_) | Self::NotRestored(_) => None,
        }
    }
}

/// Whether a run is active.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    #[default]
    Idle,
    Running,
    /// Torture only.
    Stopping,
}

/// The report of the module on a job.
pub trait Report: Sized {
    const JOB: &'static Job;

    fn parse(text: &str) -> Result<Self>;
    fn state(&self) -> State;
    /// The number of runs that have started.
    fn runs(&self) -> u64;

    fn read(parameters: &impl Parameters) -> Result<Self> {
        Self::parse(&parameters.read(Self::JOB.parameter)?)
    }

    /// Reads the report before a run starts. No other run may be active.
    fn read_idle(parameters: &impl Parameters) -> Result<Self> {
        let report = Self::read(parameters)?;
        match report.state() {
            State::Idle => Ok(report),
            State::Running | State::Stopping => Err(RunError::Busy(Self::JOB).into()),
        }
    }
}

/// Whether a run of a job is active; false without the module.
pub fn is_active(parameters: &impl Parameters, job: &Job) -> Result<bool> {
    match parameters.read(job.parameter) {
        Ok(text) => Ok(parse_report(&text, |_, _| Some(()))?.0 != State::Idle),
        Err(error) if error.errno() == Some(Errno::ENOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Parses a report: lines of a key and a value. Returns the state, and the number of runs that
/// have started. `line` gets all other lines, and returns `None` if the key cannot have the value.
pub fn parse_report(
    text: &str,
    mut line: impl FnMut(&str, &str) -> Option<()>,
) -> Result<(State, u64)> {
    let (mut state, mut runs) = (None, 0);
    for text in text.lines() {
        let unexpected = || ParameterError::Report(format!("{text:?}"));
        let (key, value) = text.split_once(' ').ok_or_else(unexpected)?;
        match (key, value.trim()) {
            ("state", "idle") => state = Some(State::Idle),
            ("state", "running") => state = Some(State::Running),
            ("state", "stopping") => state = Some(State::Stopping),
            ("state", _) => return Err(unexpected().into()),
            ("runs", value) => runs = value.parse().map_err(|_| unexpected())?,
            (key, value) => line(key, value).ok_or_else(unexpected)?,
        }
    }
    let state =
        state.ok_or_else(|| ParameterError::Report(format!("no line `state` in {text:?}")))?;
    Ok((state, runs))
}

/// How often to read reports, and how long to wait for a run that was asked to stop.
#[derive(Clone, Copy)]
pub struct Pace {
    pub tick: Duration,
    pub stop_timeout: Duration,
}

impl Pace {
    pub const fn with_stop_timeout(stop_timeout: Duration) -> Self {
        Self {
            tick: Duration::from_millis(200),
            stop_timeout,
        }
    }

    /// For tests with a fake module.
    #[cfg(test)]
    pub const QUICK: Self = Self {
        tick: Duration::from_micros(100),
        stop_timeout: Duration::from_millis(20),
    };
}

/// A run that has started. Dropping it asks the module to stop it, unless it is over.
pub struct Run<'a, P: Parameters> {
    parameters: &'a P,
    job: &'static Job,
    /// The first run since the module was loaded has number 1.
    number: u64,
    pub started: Instant,
    stopping_since: Option<Instant>,
    is_over: bool,
}

impl<'a, P: Parameters> Run<'a, P> {
    /// Starts run `number` by writing `value`, with `settings` in effect.
    ///
    /// The module reads its parameters when a run starts, so this restores them right after the
    /// start.
    pub fn start(
        parameters: &'a P,
        job: &'static Job,
        number: u64,
        settings: impl IntoIterator<Item = (&'static str, String)>,
        value: &str,
    ) -> Result<Self> {
        let busy = |error| match error {
            Error::Parameter(ParameterError::Refused { source, .. })
                if source.raw_os_error() == Some(Errno::EBUSY as i32) =>
            {
                RunError::Busy(job).into()
            }
            error => error,
        };
        let settings = Settings::apply(parameters, settings).map_err(busy)?;
        parameters.write(job.parameter, value).map_err(busy)?;
        let run = Self::active(parameters, job, number);
        settings.restore()?;
        Ok(run)
    }

    /// Run `number`, which another process has started.
    pub fn active(parameters: &'a P, job: &'static Job, number: u64) -> Self {
        Self {
            parameters,
            job,
            number,
            started: Instant::now(),
            stopping_since: None,
            is_over: false,
        }
    }

    /// Asks the module to stop the run. Does not wait.
    pub fn stop(&mut self) -> Result<()> {
        self.stopping_since.get_or_insert_with(Instant::now);
        self.parameters.write(self.job.parameter, self.job.stop)
    }

    /// Reads the report of this run.
    pub fn report<R: Report>(&mut self) -> Result<R> {
        let report = R::read(self.parameters)?;
        if report.runs() == self.number {
            self.is_over = report.state() == State::Idle;
            if report.state() == State::Stopping {
                self.stopping_since.get_or_insert_with(Instant::now);
            }
            return Ok(report);
        }
        // This run has ended, and another process has started the active one.
        self.is_over = true;
        let job = self.job;
        Err(if report.runs() > self.number {
            let (run, by) = (self.number, report.runs());
            RunError::Overtaken { job, run, by }
        } else {
            RunError::Unloaded(job)
        }
        .into())
    }

    /// Returns an error if a run that was asked to stop exceeds the timeout, or after a second
    /// interrupt.
    pub fn check_stop(&self, timeout: Duration, interrupts: u32) -> Result<()> {
        if interrupts > 1 {
            return Err(RunError::GaveUp(self.job).into());
        }
        match self.stopping_since {
            Some(since) if since.elapsed() > timeout => {
                Err(RunError::NotStopped(self.job, timeout).into())
            }
            _ => Ok(()),
        }
    }

    /// Follows the run until it has ended, and returns its last report.
    ///
    /// Calls `should_stop` with each report. Asks the module to stop the run at the first
    /// interrupt or when `should_stop` returns true. Gives up at the second interrupt.
    pub fn follow<R: Report>(
        mut self,
        pace: Pace,
        interrupts: &mut Interrupts<'_>,
        mut should_stop: impl FnMut(&R, Duration) -> bool,
    ) -> Result<R> {
        loop {
            let report = self.report::<R>()?;
            let should_stop = should_stop(&report, self.started.elapsed());
            if report.state() == State::Idle {
                return Ok(report);
            }
            let interrupts = interrupts.count();
            if self.stopping_since.is_none() && (interrupts > 0 || should_stop) {
                self.stop()?;
            }
            self.check_stop(pace.stop_timeout, interrupts)?;
            sleep(pace.tick);
        }
    }
}

impl<P: Parameters> Drop for Run<'_, P> {
    fn drop(&mut self) {
        if !self.is_over {
            // The caller already has the error that caused the drop.
            let _ = self.stop();
        }
    }
}

/// Stops the active run, also if another process started it. Returns the report before, and the
/// last one.
pub fn stop_active<R: Report>(parameters: &impl Parameters, pace: Pace) -> Result<(R, Option<R>)> {
    let before = R::read(parameters)?;
    if before.state() == State::Idle {
        return Ok((before, None));
    }
    let mut run = Run::active(parameters, R::JOB, before.runs());
    run.stop()?;
    let last = run.follow(pace, &mut Interrupts::none(), |_: &R, _| false)?;
    Ok((before, Some(last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_a_command_that_helps() {
        const JOB: &Job = &Job {
            noun: "torture run",
            parameter: "torture",
            stop: "0",
            commands: "`rcuctl torture --stop` stops it",
        };
        for (error, command) in [
            (RunError::Busy(JOB), "rcuctl torture --stop"),
            (RunError::NotStopped(JOB, Duration::from_secs(9)), "dmesg"),
            (RunError::GaveUp(JOB), "rcuctl torture --stop"),
        ] {
            assert!(error.to_string().contains(command), "{error}");
        }
    }
}
