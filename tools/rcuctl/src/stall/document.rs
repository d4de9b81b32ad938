// SPDX-License-Identifier: GPL-2.0

//! A stall as JSON.

use serde::Serialize;
use stall_decode::Event;

use super::report::Culprit;
use super::run::Outcome;
use super::verdict::Verdict;

#[derive(Serialize)]
pub struct Document<'a> {
    kind: &'a str,
    /// The module's description.
    shows: &'a str,
    /// The CPU that stalled.
    cpu: u32,
    /// The culprit, if it is a thread.
    culprit: Option<&'a Culprit>,
    /// A part of the header.
    expects: &'a str,
    /// The kernel's line that reports the stall.
    header: Option<&'a str>,
    /// Seconds from the start of the stall to that line.
    seconds: Option<f64>,
    /// As `rcuctl decode --json` prints them.
    events: &'a [Event],
    /// The module's lines.
    notes: &'a [String],
    tries: u32,
    /// The decoder found the right kind of event.
    named: bool,
    /// The decoder found the culprit.
    blamed: bool,
    /// The stall has ended, and everything is restored.
    recovered: bool,
    /// Of the first grace period after the stall.
    grace_period_ms: Option<u64>,
    outcome: &'a str,
    interrupted: bool,
    /// The failed checks, in words.
    wrong: Vec<&'a str>,
}

impl<'a> Document<'a> {
    pub fn of(outcome: &'a Outcome, verdict: &'a Verdict) -> Self {
        let Outcome {
            report, observed, ..
        } = outcome;
        let header = observed.header.as_ref();
        let checks = verdict.checks().into_iter();
        Self {
            kind: outcome.kind.name,
            shows: &observed.shows,
            cpu: report.cpu,
            culprit: report.culprit.as_ref(),
            expects: &outcome.expects,
            header: header.map(|header| header.text.as_str()),
            seconds: header.and_then(|header| header.seconds),
            events: &observed.events,
            notes: &observed.notes,
            tries: outcome.tries,
            named: verdict.decoded.is_ok(),
            blamed: verdict.blamed.is_ok(),
            recovered: verdict.recovered.is_ok(),
            grace_period_ms: report.grace_period_ms,
            outcome: &report.outcome,
            interrupted: outcome.interrupted,
            wrong: checks
                .filter_map(|check| check.as_ref().err().map(String::as_str))
                .collect(),
        }
    }
}
