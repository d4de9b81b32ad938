// SPDX-License-Identifier: GPL-2.0

//! Progress on standard error: a bar on a terminal, a line every few seconds elsewhere.

use std::ffi::OsString;
use std::io::{stderr, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

const BAR: &str = "[{wide_bar}] {percent:>3} %  {msg}  {eta} left";
const SPINNER: &str = "{spinner} {msg}";

/// The time between two updates. A terminal may be a slow serial line.
#[derive(Clone, Copy)]
pub struct Intervals {
    pub bar: Duration,
    pub lines: Duration,
}

/// The intervals of a load.
const INTERVALS: Intervals = Intervals {
    bar: Duration::from_millis(100),
    lines: Duration::from_secs(2),
};

enum Display {
    /// Erases itself when it is dropped.
    Bar(ProgressBar),
    Lines,
    Hidden,
}

/// Shows progress at intervals.
pub struct Meter {
    display: Display,
    interval: Duration,
    /// When to show progress again, from the start.
    next: Duration,
}

impl Meter {
    /// With `json`, shows nothing: a program reads standard error.
    pub fn new(json: bool, intervals: Intervals, bar: impl FnOnce() -> ProgressBar) -> Self {
        match (json, on_terminal()) {
            (true, _) => Self::hidden(),
            (false, true) => Self::with_bar(bar(), intervals),
            (false, false) => Self::with_lines(intervals),
        }
    }

    pub fn hidden() -> Self {
        Self {
            display: Display::Hidden,
            interval: Duration::MAX,
            next: Duration::MAX,
        }
    }

    fn with_bar(bar: ProgressBar, intervals: Intervals) -> Self {
        Self {
            display: Display::Bar(bar),
            interval: intervals.bar,
            next: Duration::ZERO,
        }
    }

    fn with_lines(intervals: Intervals) -> Self {
        Self {
            display: Display::Lines,
            interval: intervals.lines,
            next: intervals.lines,
        }
    }

    /// Shows the next update even if it is early.
    pub fn expedite(&mut self) {
        self.next = Duration::ZERO;
    }

    /// Changes the bar or prints a line if the interval has passed. Returns whether it has.
    pub fn update(
        &mut self,
        elapsed: Duration,
        change_bar: impl FnOnce(&ProgressBar),
        line: impl FnOnce() -> String,
    ) -> bool {
        if elapsed < self.next {
            return false;
        }
        match &self.display {
            Display::Bar(bar) => change_bar(bar),
            Display::Lines => eprintln!("{}", line()),
            Display::Hidden => return false,
        }
        self.next = elapsed + self.interval;
        true
    }
}

/// The progress of a load.
pub struct Progress {
    meter: Meter,
    total: Option<u64>,
    start: Instant,
}

impl Progress {
    /// Shows progress through `total` bytes, if known. Shows a bar even with JSON: a bar erases
    /// itself.
    pub fn new(total: Option<u64>, json: bool) -> Self {
        let template = total.map_or(SPINNER, |_| BAR);
        let json = json && !on_terminal();
        Self::with(Meter::new(json, INTERVALS, || bar(total, template)), total)
    }

    #[cfg(test)]
    pub fn hidden() -> Self {
        Self::with(Meter::hidden(), None)
    }

    fn with(meter: Meter, total: Option<u64>) -> Self {
        Self {
            meter,
            total,
            start: Instant::now(),
        }
    }

    /// Shows that `routes` routes were loaded from the first `done` bytes.
    pub fn update(&mut self, done: u64, routes: u64) {
        let elapsed = self.start.elapsed();
        self.meter.update(
            elapsed,
            |bar| {
                bar.set_position(done);
                bar.set_message(rate(routes, elapsed));
            },
            || line(routes, done, self.total, elapsed),
        );
    }
}

/// Whether standard error is a terminal that can show a bar.
fn on_terminal() -> bool {
    stderr().is_terminal() && can_move_cursor(std::env::var_os("TERM"))
}

/// Whether a terminal of this type can draw over its output.
fn can_move_cursor(term: Option<OsString>) -> bool {
    term.is_some_and(|term| !term.is_empty() && term != "dumb")
}

/// A bar, or a spinner if there is no total.
pub fn bar(total: Option<u64>, template: &str) -> ProgressBar {
    let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    // Tests check the templates, which are constants.
    let style = style(template).unwrap_or_else(ProgressStyle::default_bar);
    bar.with_style(style)
}

pub fn style(template: &str) -> Option<ProgressStyle> {
    let style = ProgressStyle::with_template(template).ok()?;
    Some(style.progress_chars("=> "))
}

fn rate(routes: u64, elapsed: Duration) -> String {
    let rate = routes as f64 / elapsed.as_secs_f64().max(1e-9);
    format!("{routes} routes, {rate:.0} routes/s")
}

fn line(routes: u64, done: u64, total: Option<u64>, elapsed: Duration) -> String {
    let rate = rate(routes, elapsed);
    match total {
        Some(total) if done > 0 && total >= done => {
            let left = elapsed.as_secs_f64() * (total - done) as f64 / done as f64;
            format!(
                "loaded {} %, {rate}, about {left:.0} s left",
                done * 100 / total
            )
        }
        _ => format!("loaded {rate}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_percentage_rate_and_remaining_time() {
        let elapsed = Duration::from_secs(2);
        assert_eq!(
            line(1000, 25, Some(100), elapsed),
            "loaded 25 %, 1000 routes, 500 routes/s, about 6 s left"
        );
        assert_eq!(
            line(1000, 25, None, elapsed),
            "loaded 1000 routes, 500 routes/s"
        );
    }

    #[test]
    fn a_file_that_grew_has_no_remaining_time() {
        let line = line(1000, 200, Some(100), Duration::from_secs(2));
        assert_eq!(line, "loaded 1000 routes, 500 routes/s");
    }

    #[test]
    fn bar_templates_are_valid() {
        assert!(style(BAR).is_some());
        assert!(style(SPINNER).is_some());
    }

    #[test]
    fn a_dumb_terminal_shows_no_bar() {
        assert!(can_move_cursor(Some("xterm".into())));
        for term in [None, Some("".into()), Some("dumb".into())] {
            assert!(!can_move_cursor(term));
        }
    }
}
