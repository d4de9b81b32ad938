// SPDX-License-Identifier: GPL-2.0

//! A stall as text: the kernel's line, the decoded events, and the checks.

use std::io::Write;

use super::report::Report;
use super::run::Outcome;
use super::verdict::Verdict;
use crate::decode::{self, Style};
use crate::error::Result;
use crate::output::Output;

/// Prints a stall that rcuctl provoked.
pub fn result(
    outcome: &Outcome,
    verdict: &Verdict,
    style: Style,
    out: &mut Output<impl Write>,
) -> Result<()> {
    let (kind, cpu, observed) = (outcome.kind.name, outcome.report.cpu, &outcome.observed);
    match observed.shows.as_str() {
        "" => out.line(&format!("{kind} on CPU {cpu}"))?,
        shows => out.line(&format!("{kind} on CPU {cpu}: {shows}"))?,
    }
    if outcome.tries > 1 {
        let tries = outcome.tries;
        out.line(&format!(
            "tried {tries} times, as the kernel printed no report"
        ))?;
    }
    let header = observed.header.as_ref().map(|header| header.text.as_str());
    if let Some(header) = header {
        out.line(&format!("  {header}"))?;
    }
    let is_header = |note: &str| header.is_some_and(|header| header.ends_with(note));
    for note in observed.notes.iter().filter(|note| !is_header(note)) {
        out.line(&format!("  module: {note}"))?;
    }
    out.line("")?;
    for event in &observed.events {
        decode::print(event, style, out)?;
    }
    if outcome.interrupted {
        // A report that is missing or incomplete is no finding.
        return match &verdict.recovered {
            Ok(_) => out.line("interrupted, all settings restored"),
            Err(wrong) => out.line(&format!("interrupted\nWRONG  {wrong}")),
        };
    }
    for check in verdict.checks() {
        match check {
            Ok(right) => out.line(&format!("right  {right}"))?,
            Err(wrong) => out.line(&format!("WRONG  {wrong}"))?,
        }
    }
    Ok(())
}

/// Prints a stall that `stop` has stopped; `None` if none was active.
pub fn stopped(report: Option<&Report>, out: &mut Output<impl Write>) -> Result<()> {
    let Some(report) = report else {
        return out.line("no stall is active");
    };
    let Report {
        kind,
        seconds,
        outcome,
        ..
    } = report;
    let grace_period = match report.grace_period_ms {
        Some(ms) => format!("; the next grace period took {ms} ms"),
        None => String::new(),
    };
    out.line(&format!(
        "{kind}: {outcome} after {seconds} s{grace_period}"
    ))
}

#[cfg(test)]
mod tests {
    use super::super::fake::{outcome, Fake};
    use super::*;
    use crate::output::printed;
    use crate::run::{stop_active, Pace};

    fn text(print: impl FnOnce(&mut Output<&mut Vec<u8>>) -> Result<()>) -> String {
        printed(false, print).1
    }

    fn result_of(fake: &Fake, kind: &str) -> String {
        let outcome = outcome(fake, kind);
        text(|out| result(&outcome, &Verdict::of(&outcome), Style::plain(), out))
    }

    #[test]
    fn the_header_the_event_and_the_checks_are_shown() {
        let text = result_of(&Fake::new(), "cpu_preempt_off");
        assert!(
            text.starts_with(
                "cpu_preempt_off on CPU 1: a reader loops\n  rcu: INFO: rcu_preempt self-detected stall on CPU\n\n\
                 rcu-cpu-stall  line 2"
            ),
            "{text}"
        );
        assert!(text.contains("To blame:"), "{text}");
        let verdict: Vec<_> = text.lines().rev().take(4).collect();
        assert!(
            verdict.iter().all(|line| line.starts_with("right  ")),
            "{text}"
        );
    }

    #[test]
    fn failed_checks_are_marked_wrong() {
        let text = result_of(&Fake::new().silent(9), "cpu_irq_off");
        assert!(text.contains("tried 3 times"), "{text}");
        let wrong = text.lines().filter(|line| line.starts_with("WRONG  "));
        assert_eq!(wrong.count(), 3, "{text}");
    }

    #[test]
    fn an_interrupted_run_is_not_wrong_if_everything_is_restored() {
        let mut outcome = outcome(&Fake::new().silent(1), "cpu_preempt_off");
        outcome.interrupted = true;
        let show = |outcome: &Outcome| {
            text(|out| result(outcome, &Verdict::of(outcome), Style::plain(), out))
        };
        let shown = show(&outcome);
        assert!(!shown.contains("WRONG"), "{shown}");
        assert!(
            shown.ends_with("\ninterrupted, all settings restored\n"),
            "{shown}"
        );
        outcome.restore_error = Some("a time-out".to_string());
        let shown = show(&outcome);
        assert_eq!(shown.matches("WRONG").count(), 1, "{shown}");
        assert!(shown.contains("a time-out"), "{shown}");
    }

    #[test]
    fn the_modules_lines_about_a_flood_are_shown_once() {
        let text = result_of(&Fake::new(), "callback_flood");
        assert_eq!(
            text.matches("KiB await a grace period").count(),
            1,
            "{text}"
        );
        assert!(
            text.contains("  module: the last 9 callbacks have run"),
            "{text}"
        );
    }

    #[test]
    fn stop_shows_the_outcome() {
        let fake = Fake::new().running("cpu_preempt_off");
        let (_, last) = stop_active::<Report>(&fake, Pace::QUICK).expect("an end");
        assert_eq!(
            text(|out| stopped(last.as_ref(), out)),
            "cpu_preempt_off: stopped after 1 s; the next grace period took 12 ms\n"
        );
        assert_eq!(text(|out| stopped(None, out)), "no stall is active\n");
    }
}
