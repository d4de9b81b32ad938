// SPDX-License-Identifier: GPL-2.0

//! A run as text: the verdict, the counters, the ages of elements, and the errors.

use std::io::Write;
use std::time::Duration;

use indicatif::HumanCount;

use super::explain::meaning;
use super::report::{Report, Verdict};
use crate::error::Result;
use crate::layout::{table, terminal_width};
use crate::output::Output;
use crate::run::State;

/// The counters that have a rate.
const RATED: [&str; 5] = [
    "reads",
    "updates",
    "fake_updates",
    "grace_periods",
    "lookups",
];

/// The rated counters per second.
pub fn rates(report: &Report) -> impl Iterator<Item = (&str, u64)> {
    report.counters.iter().filter_map(|(name, value)| {
        let rate = value.checked_div(report.seconds)?;
        RATED
            .contains(&name.as_str())
            .then_some((name.as_str(), rate))
    })
}

/// Prints a run that has ended.
pub fn result(
    report: &Report,
    caught_after: Option<Duration>,
    out: &mut Output<impl Write>,
) -> Result<()> {
    out.line(&verdict(report, caught_after))?;
    details(report, out)?;
    if report.verdict == Verdict::Failure && !report.has_bug() {
        out.line(
            "\nThe kernel's log has the first error of each kind, marked !!!; see docs/torture.md.",
        )?;
    }
    Ok(())
}

/// Prints the latest run in any state.
pub fn state(report: &Report, out: &mut Output<impl Write>) -> Result<()> {
    let Report { runs, seconds, .. } = report;
    match (report.state, runs) {
        (State::Idle, 0) => return out.line("no torture run since the module was loaded"),
        (State::Idle, _) => return result(report, None, out),
        (State::Running, run) => out.line(&format!("run {run} has been active for {seconds} s"))?,
        (State::Stopping, run) => out.line(&format!("run {run} is stopping after {seconds} s"))?,
    }
    details(report, out)
}

fn verdict(report: &Report, caught_after: Option<Duration>) -> String {
    let Report {
        bug,
        seconds,
        errors,
        ..
    } = report;
    match (report.verdict, report.has_bug()) {
        (Verdict::None, _) => format!(
            "no verdict: the run ended after {seconds} s; a verdict needs a second and an update"
        ),
        (Verdict::Success, false) => format!("SUCCESS: no error in {seconds} s"),
        (Verdict::Success, true) => {
            format!("SUCCESS, expected FAILURE: bug={bug} was not caught in {seconds} s")
        }
        (Verdict::Failure, false) => format!("FAILURE: {} in {seconds} s", error_count(*errors)),
        (Verdict::Failure, true) => {
            let after = caught_after
                .map(|time| format!(" after {:.1} s", time.as_secs_f64()))
                .unwrap_or_default();
            format!("FAILURE, as expected: bug={bug} was caught{after}")
        }
    }
}

fn error_count(errors: u64) -> String {
    match errors {
        1 => "1 error".to_string(),
        errors => format!("{} errors", count(errors)),
    }
}

fn details(report: &Report, out: &mut Output<impl Write>) -> Result<()> {
    out.line(&format!("type {}, bug {}", report.kind, report.bug))?;
    counters(report, out)?;
    pipe(report, out)?;
    findings(report, out)
}

/// Prints the counters, and the names of those that are 0.
fn counters(report: &Report, out: &mut Output<impl Write>) -> Result<()> {
    let is_zero = |counter: &&(String, u64)| counter.1 == 0;
    let (zero, others): (Vec<_>, Vec<_>) = report.counters.iter().partition(is_zero);
    let row = |(name, value): &(String, u64)| {
        let rate = rates(report).find(|(rated, _)| rated == name);
        let rate = rate.map(|(_, rate)| format!("{}/s", count(rate)));
        vec![name.clone(), count(*value), rate.unwrap_or_default()]
    };
    if !others.is_empty() {
        let rows = others.into_iter().map(row);
        out.line(&format!("\n{}", table(rows, |column| column == 1, None)))?;
    }
    if !zero.is_empty() {
        let names: Vec<_> = zero.iter().map(|(name, _)| name.as_str()).collect();
        out.line(&format!("none: {}", names.join(", ")))?;
    }
    Ok(())
}

/// Prints the histogram of ages. Ages that prove an error have a row if they are not 0.
fn pipe(report: &Report, out: &mut Output<impl Write>) -> Result<()> {
    if report.pipe.iter().all(|reads| *reads == 0) {
        return Ok(());
    }
    let (valid, errors) = report
        .pipe
        .split_at_checked(Report::MAX_VALID_AGE + 1)
        .unwrap_or((&report.pipe, &[]));
    let valid = valid.iter().enumerate();
    let first = valid.len();
    let errors = errors.iter().enumerate().filter(|(_, reads)| **reads > 0);
    let errors = errors.map(|(index, reads)| (first + index, reads));
    let mut rows: Vec<_> = valid
        .chain(errors)
        .map(|(age, reads)| vec![format!("{age:>3}"), count(*reads), age_text(age)])
        .collect();
    if rows.len() == first {
        let none = "held beyond the end of a grace period".to_string();
        rows.push(vec!["  +".to_string(), count(0), none]);
    }
    out.line("\nReads, by the age of the element at the end of the critical section:")?;
    out.line(&table(rows, |column| column == 1, None))
}

fn age_text(age: usize) -> String {
    match age {
        0 => "still published".to_string(),
        1 => "retired, and no grace period has ended since".to_string(),
        2 => "ERROR: a grace period had ended since".to_string(),
        _ => format!("ERROR: {} grace periods had ended since", age - 1),
    }
}

fn findings(report: &Report, out: &mut Output<impl Write>) -> Result<()> {
    if report.errors == 0 && report.findings.is_empty() {
        return Ok(());
    }
    out.line(&format!("\n{}:", error_count(report.errors)))?;
    if report.findings.is_empty() {
        return Ok(());
    }
    let rows = report.findings.iter().flat_map(|finding| {
        let row = vec![count(finding.count), finding.text.clone()];
        let meaning =
            meaning(&finding.text).map(|meaning| vec![String::new(), meaning.to_string()]);
        [Some(row), meaning].into_iter().flatten()
    });
    out.line(&table(rows, |column| column == 0, terminal_width()))
}

fn count(value: u64) -> String {
    HumanCount(value).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::*;
    use crate::output::printed;

    fn text(text: &str, caught_after: Option<Duration>) -> String {
        printed(false, |out| result(&report(text), caught_after, out)).1
    }

    #[test]
    fn a_success_is_shown_with_its_counters_and_ages() {
        assert_eq!(
            text(
                "verdict SUCCESS\ntype rcu\nbug none\nseconds 60\nreaders 2\nreads 1234567\nhotplugs 0\nnew_one 5\nfloods 0\n\
                 pipe 1234000 567 0 0\nerrors 0",
                None
            ),
            "SUCCESS: no error in 60 s\n\
             type rcu, bug none\n\
             \n\
             readers          2\n\
             reads    1,234,567  20,576/s\n\
             new_one          5\n\
             none: hotplugs, floods\n\
             \n\
             Reads, by the age of the element at the end of the critical section:\n\
             \x20 0  1,234,000  still published\n\
             \x20 1        567  retired, and no grace period has ended since\n\
             \x20 +          0  held beyond the end of a grace period\n"
        );
    }

    #[test]
    fn a_failure_is_shown_with_its_errors_and_their_meaning() {
        let text = text(
            "verdict FAILURE\ntype rcu\nbug none\nseconds 2\npipe 9 8 0 7\nerrors 12\n\
             error 7 reader found an element that was retired grace periods ago; the most 3\n\
             error 5 something new",
            None,
        );
        assert!(text.starts_with("FAILURE: 12 errors in 2 s\n"), "{text}");
        let end = "\n\x20 1  8  retired, and no grace period has ended since\n\
                   \x20 3  7  ERROR: 2 grace periods had ended since\n\
                   \n\
                   12 errors:\n\
                   7  reader found an element that was retired grace periods ago; the most 3\n\
                   \x20  A grace period ended while a reader that started before it was still in its critical section.\n\
                   5  something new\n\
                   \n\
                   The kernel's log";
        assert!(text.contains(end), "{text}");
    }

    #[test]
    fn a_bug_inverts_the_expected_verdict() {
        let verdict = |verdict, caught| {
            let text = text(
                &format!("verdict {verdict}\nbug skip_gp\nseconds 9\nerrors 1\nerror 1 x"),
                caught,
            );
            text.lines().next().expect("a line").to_string()
        };
        assert_eq!(
            verdict("FAILURE", Some(Duration::from_millis(620))),
            "FAILURE, as expected: bug=skip_gp was caught after 0.6 s"
        );
        assert_eq!(
            verdict("FAILURE", None),
            "FAILURE, as expected: bug=skip_gp was caught"
        );
        assert_eq!(
            verdict("SUCCESS", None),
            "SUCCESS, expected FAILURE: bug=skip_gp was not caught in 9 s"
        );
    }

    #[test]
    fn a_run_of_0_s_has_no_rates() {
        assert_eq!(rates(&report("seconds 0\nreads 5")).count(), 0);
        let report = report("seconds 2\nreads 5\nreaders 2");
        assert_eq!(rates(&report).collect::<Vec<_>>(), [("reads", 2)]);
    }

    #[test]
    fn an_active_run_has_no_verdict() {
        let text = |text: &str| printed(false, |out| state(&report(text), out)).1;
        let running = text("state running\nverdict SUCCESS\nruns 2\ntype rcu\nseconds 7\nreads 70");
        assert!(
            running.starts_with("run 2 has been active for 7 s\n"),
            "{running}"
        );
        assert!(
            running.contains("10/s") && !running.contains("SUCCESS"),
            "{running}"
        );
        assert!(text("state stopping\nruns 2\nseconds 7").starts_with("run 2 is stopping"));
        assert!(text("runs 2\nverdict SUCCESS").starts_with("SUCCESS"));
        assert_eq!(
            text("runs 0"),
            "no torture run since the module was loaded\n"
        );
    }
}
