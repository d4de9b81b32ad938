// SPDX-License-Identifier: GPL-2.0

//! A stall in words: what the kernel said, what the decoder makes of it, and whether all is as it must be.

use std::io::Write;

use super::report::Report;
use super::run::Ended;
use super::verdict::Verdict;
use crate::decode::{self, Style};
use crate::error::Result;
use crate::output::Output;
use crate::run::State;

/// A stall that has ended.
pub fn result(
    ended: &Ended,
    verdict: &Verdict,
    style: Style,
    out: &mut Output<impl Write>,
) -> Result<()> {
    let (kind, cpu) = (ended.kind.name, ended.report.cpu);
    match ended.shows.as_str() {
        "" => out.line(&format!("{kind} on CPU {cpu}"))?,
        shows => out.line(&format!("{kind} on CPU {cpu}: {shows}"))?,
    }
    if ended.tries > 1 {
        let tries = ended.tries;
        out.line(&format!("It took {tries} tries: the kernel kept silent."))?;
    }
    if let Some(header) = &ended.header {
        out.line(&format!("  {}", header.text))?;
    }
    let is_header = |note: &String| {
        let header = ended.header.as_ref();
        header.is_some_and(|header| header.text.ends_with(note.as_str()))
    };
    for note in ended.notes.iter().filter(|note| !is_header(note)) {
        out.line(&format!("  module: {note}"))?;
    }
    out.line("")?;
    for event in &ended.events {
        decode::print(event, style, out)?;
    }
    for finding in verdict.findings() {
        match finding {
            Ok(right) => out.line(&format!("right  {right}"))?,
            Err(wrong) => out.line(&format!("WRONG  {wrong}"))?,
        }
    }
    Ok(())
}

/// A stall that was told to end, or none.
pub fn stopped(before: &Report, after: &Report, out: &mut Output<impl Write>) -> Result<()> {
    if before.state == State::Idle {
        return out.line("no stall is going on");
    }
    let (kind, seconds, outcome) = (&after.kind, after.seconds, &after.outcome);
    let grace_period = match after.grace_period_ms {
        Some(ms) => format!("; the next grace period took {ms} ms"),
        None => String::new(),
    };
    out.line(&format!(
        "{kind}: {outcome} after {seconds} s{grace_period}"
    ))
}

#[cfg(test)]
mod tests {
    use super::super::fake::{ended, quick, Fake};
    use super::super::run::stop;
    use super::*;
    use crate::output::printed;

    fn text(print: impl FnOnce(&mut Output<&mut Vec<u8>>) -> Result<()>) -> String {
        printed(false, print).1
    }

    fn result_of(fake: &Fake, kind: &str) -> String {
        let ended = ended(fake, kind);
        text(|out| result(&ended, &Verdict::of(&ended), Style::plain(), out))
    }

    #[test]
    fn the_kernels_line_the_event_and_the_verdict() {
        let text = result_of(&Fake::new(), "cpu_preempt_off");
        assert!(
            text.starts_with(
                "cpu_preempt_off on CPU 1: a reader loops\n  rcu: INFO: rcu_preempt self-detected stall on CPU\n\n\
                 rcu-cpu-stall  line 2"
            ),
            "{text}"
        );
        assert!(text.contains("Likely causes"), "{text}");
        let verdict: Vec<_> = text.lines().rev().take(4).collect();
        assert!(
            verdict.iter().all(|line| line.starts_with("right  ")),
            "{text}"
        );
    }

    #[test]
    fn what_is_wrong_stands_out() {
        let text = result_of(&Fake::new().silent(9), "cpu_irq_off");
        assert!(text.contains("It took 3 tries"), "{text}");
        let wrong = text.lines().filter(|line| line.starts_with("WRONG  "));
        assert_eq!(wrong.count(), 3, "{text}");
    }

    #[test]
    fn of_a_flood_the_modules_lines_are_shown_once() {
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
    fn a_stop_says_how_it_came_out() {
        let fake = Fake::new().running();
        let before = Report::read(&fake).expect("a report");
        let after = stop(&fake, &quick()).expect("an end");
        assert_eq!(
            text(|out| stopped(&before, &after, out)),
            "cpu_preempt_off: stopped after 1 s; the next grace period took 12 ms\n"
        );
        assert_eq!(
            text(|out| stopped(&after, &after, out)),
            "no stall is going on\n"
        );
    }
}
