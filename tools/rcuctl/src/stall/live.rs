// SPDX-License-Identifier: GPL-2.0

//! How a stall goes: a spinner on a terminal, a line every few seconds anywhere else.

use std::time::{Duration, Instant};

use crate::progress::{bar, Shown};

/// How often a line is printed where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

const SPINNER: &str = "{spinner} {msg}";

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// For the kernel to tell.
    Waiting,
    /// For the rest of its report.
    Reporting,
    /// For the end of the stall.
    Ending,
}

pub struct Live {
    shown: Shown,
    kind: String,
    since: Instant,
    limit: Duration,
    /// What was shown last, and when.
    last: Option<(Phase, Duration)>,
}

impl Live {
    pub fn new(json: bool) -> Self {
        Self::with(Shown::new(json, || bar(None, SPINNER)))
    }

    #[cfg(test)]
    pub fn hidden() -> Self {
        Self::with(Shown::Nothing)
    }

    fn with(shown: Shown) -> Self {
        Self {
            shown,
            kind: String::new(),
            since: Instant::now(),
            limit: Duration::ZERO,
            last: None,
        }
    }

    /// A try begins; the kernel's line is waited for until `limit`, counted from the first.
    pub fn begin(&mut self, kind: &str, tries: u32, limit: Duration) {
        self.kind = match tries {
            1 => kind.to_string(),
            _ => format!("{kind}, try {tries}"),
        };
        self.limit = limit;
        self.last = None;
    }

    pub fn update(&mut self, phase: Phase) {
        let elapsed = self.since.elapsed();
        let text = || words(&self.kind, phase, elapsed, self.limit);
        match &self.shown {
            Shown::Nothing => return,
            Shown::Bar(spinner) => {
                spinner.set_message(text());
                spinner.tick();
            }
            Shown::Lines => {
                let is_new = self.last.is_none_or(|(last, at)| {
                    last != phase || elapsed.saturating_sub(at) >= LINE_INTERVAL
                });
                if !is_new {
                    return;
                }
                eprintln!("{}", text());
            }
        }
        self.last = Some((phase, elapsed));
    }
}

fn words(kind: &str, phase: Phase, elapsed: Duration, limit: Duration) -> String {
    let seconds = elapsed.as_secs();
    match phase {
        Phase::Waiting => format!(
            "{kind}: {seconds} s; the kernel is to tell of it within {} s",
            limit.as_secs()
        ),
        Phase::Reporting => format!("{kind}: {seconds} s; the kernel tells of it"),
        Phase::Ending => format!("{kind}: {seconds} s; it is told to end"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_what_is_waited_for() {
        let words = |phase| {
            words(
                "tasks",
                phase,
                Duration::from_millis(3900),
                Duration::from_secs(44),
            )
        };
        assert_eq!(
            words(Phase::Waiting),
            "tasks: 3 s; the kernel is to tell of it within 44 s"
        );
        assert_eq!(
            words(Phase::Reporting),
            "tasks: 3 s; the kernel tells of it"
        );
        assert_eq!(words(Phase::Ending), "tasks: 3 s; it is told to end");
    }

    #[test]
    fn the_spinners_look_is_valid() {
        assert!(crate::progress::style(SPINNER).is_some());
    }
}
