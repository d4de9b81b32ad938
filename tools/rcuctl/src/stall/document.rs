// SPDX-License-Identifier: GPL-2.0

//! A stall as JSON.

use serde::Serialize;
use stall_decode::Event;

use super::report::Culprit;
use super::run::Ended;
use super::verdict::Verdict;

#[derive(Serialize)]
pub struct Document<'a> {
    kind: &'a str,
    /// What goes wrong.
    shows: &'a str,
    /// The CPU that suffered.
    cpu: u32,
    /// The thread that is to blame, if it is one.
    culprit: Option<&'a Culprit>,
    /// A part of the line by which the kernel tells of it.
    expects: &'a str,
    /// That line.
    header: Option<&'a str>,
    /// Seconds from the beginning to that line.
    seconds: Option<f64>,
    /// As `rcuctl decode --json` has them.
    events: &'a [Event],
    /// The module's own lines.
    notes: &'a [String],
    tries: u32,
    /// The decoder knows the kind.
    named: bool,
    /// The decoder knows who is to blame.
    blamed: bool,
    /// It is over, and all is as before.
    recovered: bool,
    /// Milliseconds of the first grace period since.
    grace_period_ms: Option<u64>,
    outcome: &'a str,
    interrupted: bool,
    /// What is wrong, in words.
    wrong: Vec<&'a str>,
}

impl<'a> Document<'a> {
    pub fn of(ended: &'a Ended, verdict: &'a Verdict) -> Self {
        let wrong = verdict.findings().into_iter();
        Self {
            kind: ended.kind.name,
            shows: &ended.shows,
            cpu: ended.report.cpu,
            culprit: ended.report.culprit.as_ref(),
            expects: &ended.expects,
            header: ended.header.as_ref().map(|header| header.text.as_str()),
            seconds: ended.header.as_ref().and_then(|header| header.seconds),
            events: &ended.events,
            notes: &ended.notes,
            tries: ended.tries,
            named: verdict.named.is_ok(),
            blamed: verdict.blamed.is_ok(),
            recovered: verdict.recovered.is_ok(),
            grace_period_ms: ended.report.grace_period_ms,
            outcome: &ended.report.outcome,
            interrupted: ended.interrupted,
            wrong: wrong
                .filter_map(|finding| finding.as_ref().err().map(String::as_str))
                .collect(),
        }
    }
}
