// SPDX-License-Identifier: GPL-2.0

//! A run in words: its verdict first, then what it rests on.

use std::io::Write;
use std::time::Duration;

use indicatif::HumanCount;

use super::explain::meaning;
use super::report::{Report, Verdict};
use super::tenths;
use crate::error::Result;
use crate::output::Output;
use crate::run::State;

/// Counters that tell how fast a run goes.
const RATED: [&str; 5] = [
    "reads",
    "updates",
    "fake_updates",
    "grace_periods",
    "lookups",
];

/// How many a second, of the counters that it makes sense for.
pub fn rates(report: &Report) -> impl Iterator<Item = (&str, u64)> {
    report.counters.iter().filter_map(|(name, value)| {
        let rate = value.checked_div(report.seconds)?;
        RATED
            .contains(&name.as_str())
            .then_some((name.as_str(), rate))
    })
}

/// A run that has ended.
pub fn result(
    report: &Report,
    caught_after: Option<Duration>,
    out: &mut Output<impl Write>,
) -> Result<()> {
    out.line(&verdict(report, caught_after))?;
    details(report, out)?;
    if report.verdict == Verdict::Failure && !report.has_bug() {
        out.line("\nThe kernel's log has each of them when it came, marked !!!; docs/torture.md says what to look at.")?;
    }
    Ok(())
}

/// Whatever there is.
pub fn state(report: &Report, out: &mut Output<impl Write>) -> Result<()> {
    match (report.state, report.runs) {
        (State::Idle, 0) => out.line("no torture run since the module was loaded"),
        (State::Idle, _) => result(report, None, out),
        (State::Running, run) => {
            out.line(&format!(
                "run {run} has been going on for {} s",
                report.seconds
            ))?;
            details(report, out)
        }
        (State::Stopping, run) => {
            out.line(&format!(
                "run {run} is stopping, after {} s",
                report.seconds
            ))?;
            details(report, out)
        }
    }
}

fn verdict(report: &Report, caught_after: Option<Duration>) -> String {
    let Report {
        bug,
        seconds,
        errors,
        ..
    } = report;
    match (report.verdict, report.has_bug()) {
        (Verdict::None, _) => format!("no verdict: the run ended after {seconds} s"),
        (Verdict::Success, false) => format!("SUCCESS: no error in {seconds} s"),
        (Verdict::Success, true) => {
            format!("SUCCESS, which must not be: bug={bug} was not caught in {seconds} s")
        }
        (Verdict::Failure, false) => {
            format!("FAILURE: {} in {seconds} s", errors_in_words(*errors))
        }
        (Verdict::Failure, true) => match caught_after {
            Some(time) => format!(
                "FAILURE, as it must be: bug={bug} was caught after {} s",
                tenths(time)
            ),
            None => format!("FAILURE, as it must be: bug={bug} was caught"),
        },
    }
}

fn errors_in_words(errors: u64) -> String {
    match errors {
        1 => "1 error".to_string(),
        errors => format!("{} errors", HumanCount(errors)),
    }
}

fn details(report: &Report, out: &mut Output<impl Write>) -> Result<()> {
    out.line(&format!("type {}, bug {}", report.kind, report.bug))?;
    counters(report, out)?;
    pipe(report, out)?;
    findings(report, out)
}

/// Those that moved, one a line, and the names of the others.
fn counters(report: &Report, out: &mut Output<impl Write>) -> Result<()> {
    if report.counters.is_empty() {
        return Ok(());
    }
    let (moved, still): (Vec<_>, Vec<_>) =
        report.counters.iter().partition(|(_, value)| *value > 0);
    let count = |value: u64| HumanCount(value).to_string();
    let width = widest(moved.iter().map(|(name, _)| name.len()));
    let digits = widest(moved.iter().map(|(_, value)| count(*value).len()));
    out.line("")?;
    for (name, value) in moved {
        let rate = rates(report)
            .find(|(rated, _)| rated == name)
            .map_or_else(String::new, |(_, rate)| format!("  {}/s", count(rate)));
        out.line(&format!("{name:width$}  {:>digits$}{rate}", count(*value)))?;
    }
    if !still.is_empty() {
        let names: Vec<_> = still.iter().map(|(name, _)| name.as_str()).collect();
        out.line(&format!("none: {}", names.join(", ")))?;
    }
    Ok(())
}

/// The histogram, with what its rows mean. Rows that must be empty are shown where they are not.
fn pipe(report: &Report, out: &mut Output<impl Write>) -> Result<()> {
    let total: u64 = report.pipe.iter().sum();
    if total == 0 {
        return Ok(());
    }
    out.line("\nReads, by the age of what was held when the reader was done:")?;
    let digits = widest(
        report
            .pipe
            .iter()
            .map(|count| HumanCount(*count).to_string().len()),
    );
    for (age, count) in report.pipe.iter().enumerate() {
        if age <= Report::OLDEST_RIGHT || *count > 0 {
            let count = HumanCount(*count).to_string();
            out.line(&format!(
                "{age:>3}  {count:>digits$}  {}",
                age_in_words(age)
            ))?;
        }
    }
    if report
        .pipe
        .iter()
        .skip(Report::OLDEST_RIGHT + 1)
        .all(|count| *count == 0)
    {
        out.line(&format!(
            "  +  {:>digits$}  held over the end of a grace period",
            0
        ))?;
    }
    Ok(())
}

fn age_in_words(age: usize) -> String {
    match age {
        0 => "still published".to_string(),
        1 => "retired meanwhile, with no grace period over since".to_string(),
        2 => "ERROR: a grace period had ended since".to_string(),
        _ => format!("ERROR: {} grace periods had ended since", age - 1),
    }
}

fn findings(report: &Report, out: &mut Output<impl Write>) -> Result<()> {
    if report.errors == 0 && report.findings.is_empty() {
        return Ok(());
    }
    out.line(&format!("\n{}:", errors_in_words(report.errors)))?;
    let count = |count: u64| HumanCount(count).to_string();
    let digits = widest(
        report
            .findings
            .iter()
            .map(|finding| count(finding.count).len()),
    );
    for finding in &report.findings {
        out.line(&format!(
            "{:>digits$}  {}",
            count(finding.count),
            finding.text
        ))?;
        if let Some(meaning) = meaning(&finding.text) {
            out.line(&format!("{:digits$}  {meaning}", ""))?;
        }
    }
    Ok(())
}

fn widest(lengths: impl Iterator<Item = usize>) -> usize {
    lengths.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::fake::report;
    use super::*;
    use crate::output::printed;

    fn text(text: &str, caught_after: Option<Duration>) -> String {
        printed(false, |out| result(&report(text), caught_after, out)).1
    }

    #[test]
    fn success_is_shown_with_what_it_rests_on() {
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
             Reads, by the age of what was held when the reader was done:\n\
             \x20 0  1,234,000  still published\n\
             \x20 1        567  retired meanwhile, with no grace period over since\n\
             \x20 +          0  held over the end of a grace period\n"
        );
    }

    #[test]
    fn failure_is_shown_with_its_errors_and_what_they_mean() {
        let text = text(
            "verdict FAILURE\ntype rcu\nbug none\nseconds 2\npipe 9 8 0 7\nerrors 12\n\
             error 7 reader found an element that was retired grace periods ago; the most 3\n\
             error 5 something new",
            None,
        );
        assert!(text.starts_with("FAILURE: 12 errors in 2 s\n"), "{text}");
        let end = "\n\x20 1  8  retired meanwhile, with no grace period over since\n\
                   \x20 3  7  ERROR: 2 grace periods had ended since\n\
                   \n\
                   12 errors:\n\
                   7  reader found an element that was retired grace periods ago; the most 3\n\
                   \x20  A grace period ended while a reader that it had to wait for was still in its critical section.\n\
                   5  something new\n\
                   \n\
                   The kernel's log";
        assert!(text.contains(end), "{text}");
    }

    #[test]
    fn a_bug_turns_the_verdicts_sense() {
        let verdict = |verdict, caught| {
            let text = text(
                &format!("verdict {verdict}\nbug skip_gp\nseconds 9\nerrors 1\nerror 1 x"),
                caught,
            );
            text.lines().next().expect("a line").to_string()
        };
        assert_eq!(
            verdict("FAILURE", Some(Duration::from_millis(620))),
            "FAILURE, as it must be: bug=skip_gp was caught after 0.6 s"
        );
        assert_eq!(
            verdict("FAILURE", None),
            "FAILURE, as it must be: bug=skip_gp was caught"
        );
        assert_eq!(
            verdict("SUCCESS", None),
            "SUCCESS, which must not be: bug=skip_gp was not caught in 9 s"
        );
    }

    #[test]
    fn a_run_of_no_time_has_no_rates() {
        assert_eq!(rates(&report("seconds 0\nreads 5")).count(), 0);
        let report = report("seconds 2\nreads 5\nreaders 2");
        assert_eq!(rates(&report).collect::<Vec<_>>(), [("reads", 2)]);
    }

    #[test]
    fn what_goes_on_is_no_result() {
        let text = |text: &str| printed(false, |out| state(&report(text), out)).1;
        let running = text("state running\nverdict SUCCESS\nruns 2\ntype rcu\nseconds 7\nreads 70");
        assert!(
            running.starts_with("run 2 has been going on for 7 s\n"),
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
