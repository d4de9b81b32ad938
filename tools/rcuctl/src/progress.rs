// SPDX-License-Identifier: GPL-2.0

//! How far a load is: a bar on a terminal, a line every two seconds anywhere else.

use std::ffi::OsString;
use std::io::{stderr, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How often a line is printed where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(2);
/// How often a bar is drawn: a terminal may be a slow serial line.
const BAR_INTERVAL: Duration = Duration::from_millis(100);

const BAR: &str = "[{wide_bar}] {percent:>3} %  {msg}  {eta} left";
const SPINNER: &str = "{spinner} {msg}";

pub struct Progress {
    shown: Shown,
    total: Option<u64>,
    start: Instant,
    /// When to show something again, counted from the start.
    next: Duration,
}

/// How progress is shown. A bar wipes itself out when it is dropped.
pub enum Shown {
    Bar(ProgressBar),
    Lines,
    Nothing,
}

impl Shown {
    /// Of a run: with JSON there is nothing but its result.
    pub fn new(json: bool, bar: impl FnOnce() -> ProgressBar) -> Self {
        match (json, on_terminal()) {
            (true, _) => Self::Nothing,
            (false, true) => Self::Bar(bar()),
            (false, false) => Self::Lines,
        }
    }
}

impl Progress {
    /// For `total` bytes, if it is known how many there are. With JSON standard error is for a
    /// program too, so that no lines are printed; a bar on a terminal wipes itself out.
    pub fn new(total: Option<u64>, json: bool) -> Self {
        let template = total.map_or(SPINNER, |_| BAR);
        let (shown, next) = match (on_terminal(), json) {
            (true, _) => (Shown::Bar(bar(total, template)), Duration::ZERO),
            (false, false) => (Shown::Lines, LINE_INTERVAL),
            (false, true) => (Shown::Nothing, Duration::ZERO),
        };
        Self {
            shown,
            total,
            start: Instant::now(),
            next,
        }
    }

    #[cfg(test)]
    pub fn hidden() -> Self {
        let next = Duration::ZERO;
        Self {
            shown: Shown::Nothing,
            total: None,
            start: Instant::now(),
            next,
        }
    }

    /// `routes` routes were loaded from the first `done` bytes.
    pub fn update(&mut self, done: u64, routes: u64) {
        let elapsed = self.start.elapsed();
        if elapsed < self.next {
            return;
        }
        match &self.shown {
            Shown::Bar(bar) => {
                self.next = elapsed + BAR_INTERVAL;
                bar.set_position(done);
                bar.set_message(rate(routes, elapsed));
            }
            Shown::Lines => {
                self.next = elapsed + LINE_INTERVAL;
                eprintln!("{}", line(routes, done, self.total, elapsed));
            }
            Shown::Nothing => {}
        }
    }
}

/// Whether standard error is a terminal that can show a bar.
fn on_terminal() -> bool {
    stderr().is_terminal() && can_move_cursor(std::env::var_os("TERM"))
}

/// Whether a terminal of this type can draw over what it has shown.
fn can_move_cursor(term: Option<OsString>) -> bool {
    term.is_some_and(|term| !term.is_empty() && term != "dumb")
}

/// A bar, or a spinner if there is no total.
pub fn bar(total: Option<u64>, template: &str) -> ProgressBar {
    let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    // Templates are constants, and tested; a bar of another look is no reason to stop.
    let style = style(template).unwrap_or_else(ProgressStyle::default_bar);
    bar.with_style(style)
}

pub fn style(template: &str) -> Option<ProgressStyle> {
    Some(
        ProgressStyle::with_template(template)
            .ok()?
            .progress_chars("=> "),
    )
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
    fn lines_say_how_far_how_fast_and_how_long() {
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
    fn a_file_that_grew_has_no_estimate() {
        let line = line(1000, 200, Some(100), Duration::from_secs(2));
        assert_eq!(line, "loaded 1000 routes, 500 routes/s");
    }

    #[test]
    fn the_bars_look_is_valid() {
        assert!(style(BAR).is_some());
        assert!(style(SPINNER).is_some());
    }

    #[test]
    fn a_dumb_terminal_gets_lines() {
        assert!(can_move_cursor(Some("xterm".into())));
        for term in [None, Some("".into()), Some("dumb".into())] {
            assert!(!can_move_cursor(term));
        }
    }
}
