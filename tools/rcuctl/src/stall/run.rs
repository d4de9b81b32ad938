// SPDX-License-Identifier: GPL-2.0

//! Provokes one kind of stall: shortens the time-outs, starts the stall, waits for the kernel's
//! report, stops the stall, and restores everything.

use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::cpus::STALL_CPU;
use super::error::{Refusal, StallError};
use super::kinds::{Blame, StallKind};
use super::live::{Live, Phase};
use super::observer::{Log, Observation, Observer};
use super::oom_target::OomTarget;
use super::options::RunOptions;
use super::report::{Offer, Report};
use super::{timeouts, JOB};
use crate::error::{Error, Result};
use crate::interrupt::Interrupts;
use crate::parameters::{ParameterError, Parameters};
use crate::run::{Pace, Report as _, Run, State};

/// The module's limit for `stall_hold_ms`.
pub const MAX_HOLD_MS: u32 = 60_000;
/// The kernel's ticks, and then its report, may be late.
const REPORT_SLACK: Duration = Duration::from_secs(20);

/// How long to wait for what.
#[derive(Clone, Copy)]
pub struct StallPace {
    pub run: Pace,
    /// A report is complete when no line has come for this time.
    pub quiet: Duration,
    /// A report does not take longer. Unanswered NMIs take 10 s.
    pub report: Duration,
    /// The last lines come within this time after the stall.
    pub rest: Duration,
}

impl Default for StallPace {
    fn default() -> Self {
        Self {
            // The module waits for grace periods and callbacks.
            run: Pace::with_stop_timeout(Duration::from_secs(60)),
            quiet: Duration::from_secs(2),
            report: Duration::from_secs(15),
            rest: Duration::from_secs(1),
        }
    }
}

/// A stall that has ended.
pub struct Outcome {
    pub kind: &'static StallKind,
    /// A part of the kernel's line that reports the stall.
    pub expects: String,
    /// The module's last report.
    pub report: Report,
    pub observed: Observation,
    pub tries: u32,
    pub interrupted: bool,
    /// The kernel's line did not come in time.
    pub timed_out: bool,
    /// The kernel was told to repeat warnings that it prints once.
    pub cleared_warn_once: bool,
    /// A parameter suppresses the kernel's reports.
    pub suppressed: bool,
    /// Why not everything was restored.
    pub restore_error: Option<String>,
}

/// Provokes a stall, and tries again if the kernel does not report it. In any case the stall is
/// stopped and everything is restored.
pub fn run(
    parameters: &impl Parameters,
    log: impl Log,
    options: &RunOptions,
    pace: StallPace,
    interrupts: &mut Interrupts<'_>,
    live: &mut Live,
) -> Result<Outcome> {
    let before = Report::read_idle(parameters)?;
    let kind = options.kind;
    let offer = before
        .find(kind.name)
        .ok_or_else(|| StallError::NoKind(kind.name.to_string()))?;
    let hold_ms = hold_ms(options, offer);
    let timeouts = timeouts::shorten(parameters, &offer.expects)?;
    let cleared_warn_once = timeouts::clear_warn_once(parameters);
    let needs_oom_target = kind.blame == Blame::Invoker && options.allow_unsafe;
    let oom_target = needs_oom_target
        .then(|| OomTarget::start(parameters))
        .transpose()?;
    let limit = report_timeout(options, hold_ms);
    let mut attempts = Attempts {
        parameters,
        kind,
        settings: settings(options, hold_ms),
        limit,
        deadline: Instant::now() + limit,
        pace,
        observer: Observer::new(log, kind, &offer.expects),
        interrupts,
        live,
    };
    let (report, tries) = attempts.run(before.runs)?;
    let deadline = attempts.deadline;
    let observed = attempts.observer.finish();
    drop(oom_target);
    let suppressed = timeouts::are_reports_suppressed(parameters);
    let restore_error = timeouts.restore().err().map(|error| error.to_string());
    Ok(Outcome {
        kind,
        expects: offer.expects.clone(),
        report,
        timed_out: observed.header.is_none() && Instant::now() >= deadline,
        observed,
        tries,
        interrupted: interrupts.any(),
        cleared_warn_once,
        suppressed,
        restore_error,
    })
}

/// The hold is longer than needed, for machines whose ticks are late.
fn hold_ms(options: &RunOptions, offer: &Offer) -> u32 {
    let default = || {
        let twice = offer.hold_ms.saturating_mul(2).min(MAX_HOLD_MS);
        options.kind.hold_ms.unwrap_or(twice)
    };
    // The module refuses a hold that is too long.
    let millis = |hold: Duration| u32::try_from(hold.as_millis()).unwrap_or(u32::MAX);
    options.hold.map_or_else(default, millis)
}

/// How long to wait for the kernel's line.
fn report_timeout(options: &RunOptions, hold_ms: u32) -> Duration {
    let hold = Duration::from_millis(hold_ms.into());
    let default = hold * options.kind.max_tries + REPORT_SLACK;
    options.timeout.unwrap_or(default)
}

/// The parameters that the module reads when a stall starts.
fn settings(options: &RunOptions, hold_ms: u32) -> Vec<(&'static str, String)> {
    let mut settings = vec![("stall_hold_ms", hold_ms.to_string())];
    settings.extend(options.cpu.map(|cpu| (STALL_CPU, cpu.to_string())));
    if options.allow_unsafe {
        settings.push(("stall_unsafe", "1".to_string()));
    }
    settings
}

/// Provokes a stall several times, until the kernel reports it.
struct Attempts<'a, 'i, P, L> {
    parameters: &'a P,
    kind: &'static StallKind,
    settings: Vec<(&'static str, String)>,
    limit: Duration,
    deadline: Instant,
    pace: StallPace,
    observer: Observer<L>,
    interrupts: &'a mut Interrupts<'i>,
    live: &'a mut Live,
}

impl<'a, P: Parameters, L: Log> Attempts<'a, '_, P, L> {
    /// Returns the last report, and the number of tries.
    fn run(&mut self, runs_before: u64) -> Result<(Report, u32)> {
        let mut tries = 0;
        loop {
            tries += 1;
            self.live.start(self.kind.name, tries, self.limit);
            let mut stall = self.start(runs_before + u64::from(tries))?;
            self.wait_for_report(&mut stall)?;
            let report = self.stop(stall)?;
            self.observer
                .read_until_quiet(self.pace.rest, self.pace.report)?;
            if self.observer.observed.header.is_some()
                || tries >= self.kind.max_tries
                || self.interrupts.any()
                || Instant::now() >= self.deadline
            {
                return Ok((report, tries));
            }
        }
    }

    fn start(&mut self, number: u64) -> Result<Run<'a, P>> {
        let settings = self.settings.iter().cloned();
        Run::start(self.parameters, &JOB, number, settings, self.kind.name)
            .map_err(|error| explain_refusal(error, &mut self.observer))
    }

    /// Waits until the kernel has reported the stall, or will not.
    fn wait_for_report(&mut self, stall: &mut Run<'_, P>) -> Result<()> {
        loop {
            let has_header = self.observer.observed.header.is_some();
            self.live.update(match has_header {
                true => Phase::Reporting,
                false => Phase::Waiting,
            });
            let report = stall.report::<Report>()?;
            self.observer.read(self.pace.run.tick)?;
            let has_header = self.observer.observed.header.is_some();
            if report.state == State::Idle
                || self.observer.is_complete(self.pace.quiet, self.pace.report)
                || self.interrupts.count() > 0
                || !has_header && Instant::now() >= self.deadline
            {
                return Ok(());
            }
        }
    }

    fn stop(&mut self, mut stall: Run<'_, P>) -> Result<Report> {
        stall.stop()?;
        loop {
            self.live.update(Phase::Stopping);
            let report = stall.report::<Report>()?;
            if report.state == State::Idle {
                return Ok(report);
            }
            self.observer.read(self.pace.run.tick)?;
            stall.check_stop(self.pace.run.stop_timeout, self.interrupts.count())?;
        }
    }
}

/// Adds the reason to a refusal, which the module has written to the log.
fn explain_refusal(error: Error, observer: &mut Observer<impl Log>) -> Error {
    /// The module wrote its line before the write failed, but the thread that reads the log may get
    /// no CPU for a while.
    const TIMEOUT: Duration = Duration::from_secs(1);
    let Error::Parameter(ParameterError::Refused { setting, source }) = &error else {
        return error;
    };
    let deadline = Instant::now() + TIMEOUT;
    while observer.refusal.is_none() && Instant::now() < deadline {
        if let Err(error) = observer.read(TIMEOUT / 10) {
            return error;
        }
    }
    let reason = observer.refusal.take();
    let kind = setting.strip_prefix("stall=").unwrap_or(setting);
    StallError::Refused(Refusal {
        kind: kind.to_string(),
        errno: Errno::from_raw(source.raw_os_error().unwrap_or(0)),
        reason: reason.unwrap_or_else(|| crate::error::describe(source)),
    })
    .into()
}

#[cfg(test)]
mod tests;
