// SPDX-License-Identifier: GPL-2.0

//! Maps time to a position on an axis.

use super::Mark;

/// Steps per axis.
const MAX_STEPS: f64 = 20.0;

/// Share of the axis that is free at each end, in percent.
const MARGIN_PERCENT: f64 = 3.0;

/// An axis of time.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    from: f64,
    to: f64,
    has_time: bool,
    /// The log prints the time between two lines.
    is_relative: bool,
}

impl Scale {
    /// Creates the axis on which all marks have room.
    pub(super) fn new(marks: &[&Mark]) -> Self {
        let from = marks
            .iter()
            .map(|mark| mark.at - mark.age)
            .fold(f64::INFINITY, f64::min);
        let to = marks
            .iter()
            .map(|mark| mark.end.unwrap_or(mark.at))
            .fold(f64::NEG_INFINITY, f64::max);
        let margin = ((to - from) * MARGIN_PERCENT / 100.0).max(0.5);
        Self {
            from: from - margin,
            to: to + margin,
            has_time: marks.iter().any(|mark| mark.has_time),
            is_relative: marks.iter().any(|mark| mark.has_text),
        }
    }

    #[cfg(test)]
    pub(super) fn of(from: f64, to: f64) -> Self {
        Self {
            from,
            to,
            has_time: true,
            is_relative: false,
        }
    }

    /// Returns the position of a time: 0 is the begin of the axis, 1 its end.
    pub(super) fn position(self, at: f64) -> f64 {
        ((at - self.from) / (self.to - self.from)).clamp(0.0, 1.0)
    }

    /// Returns about `count` round numbers along the axis.
    pub(super) fn steps(self, count: f64) -> Vec<f64> {
        let rough = (self.to - self.from) / count;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
        let step = step
            .into_iter()
            .find(|&step| step >= rough)
            .unwrap_or(rough);
        let first = (self.from / step).ceil();
        let count = ((self.to / step).floor() - first).clamp(0.0, MAX_STEPS) as u32;
        (0..=count)
            .map(|number| (first + f64::from(number)) * step)
            .filter(|at| self.has_time || at.fract() == 0.0)
            .collect()
    }

    /// Returns whether the log has times of day. An uptime is below 1e8 s (three years).
    fn is_time_of_day(self) -> bool {
        self.has_time && self.from > 1e8
    }

    pub(super) fn unit(self) -> &'static str {
        match (self.has_time, self.is_time_of_day()) {
            (false, _) => "lines of the log",
            (true, true) => "time of day",
            (true, false) if self.is_relative => "seconds since the first line",
            (true, false) => "seconds since boot",
        }
    }

    pub(super) fn label(self, at: f64) -> String {
        if self.is_time_of_day() {
            let second = at.rem_euclid(86_400.0) as u64;
            return format!(
                "{:02}:{:02}:{:02}",
                second / 3600,
                second / 60 % 60,
                second % 60
            );
        }
        let text = format!("{at:.3}");
        text.trim_end_matches('0').trim_end_matches('.').to_string()
    }
}
