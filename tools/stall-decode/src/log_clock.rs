// SPDX-License-Identifier: GPL-2.0

//! The clock of a log: tracks the time while lines pass, and notices reboots.

use crate::event::Time;
use crate::unwrap::Stamp;

/// A larger step back, in seconds, is another boot. Smaller steps are reordered lines.
const BOOT_STEP: f64 = 60.0;

/// Seconds since boot below which a single line proves a boot.
const EARLY_BOOT: f64 = 5.0;

/// Time of the most recent line, and boundaries of boots.
#[derive(Debug, Default)]
pub(crate) struct LogClock {
    /// The time of the last line that had one.
    pub(crate) now: Option<f64>,
    /// The time of the line before.
    previous: Option<f64>,
    /// Whether `now` is a time of day. A log may mix times of day and uptimes, which cannot be
    /// compared.
    pub(crate) is_time_of_day: bool,
    /// The last full time of `dmesg -H`, and the seconds added to it since.
    base: Option<(f64, String)>,
    since: f64,
    /// Seconds by which times of day are shifted. A log that begins with seconds since an unknown
    /// time continues to count them when it prints its first time of day.
    shift: Option<f64>,
    /// The latest time of this boot: since boot, and of day.
    latest: [Option<f64>; 2],
    /// Consecutive lines far before `latest`, and the number of the first of them.
    early_lines: u32,
    first_early: u64,
}

impl LogClock {
    /// Advances to the stamp of a line. Lines without one keep the time.
    pub(crate) fn advance(&mut self, stamp: Option<Stamp<'_>>) {
        let Some(stamp) = stamp else {
            return;
        };
        self.is_time_of_day = !matches!(stamp, Stamp::Boot(_));
        self.previous = self.now;
        match stamp {
            Stamp::Boot(clock) => self.now = Some(clock),
            Stamp::Day(clock, text) => {
                let shift = *self
                    .shift
                    .get_or_insert(match (&self.base, self.since > 0.0) {
                        (None, true) => clock - self.since,
                        _ => 0.0,
                    });
                let clock = clock - shift;
                self.now = Some(clock);
                self.since = 0.0;
                // The following `[  +0.1]` stamps count from a full minute.
                if text.len() <= "Nov 21 10:00".len() {
                    self.base = Some((clock, text.to_string()));
                }
            }
            Stamp::Since(seconds) => {
                self.since += seconds;
                let base = self.base.as_ref().map_or(0.0, |(clock, _)| *clock);
                self.now = Some(base + self.since);
            }
        }
    }

    /// Returns the first line of a new boot, once it is certain that time has stepped back.
    ///
    /// Mixed consoles reorder times, so three lines in a row must agree, or one must be from early
    /// boot.
    pub(crate) fn new_boot(&mut self, number: u64) -> Option<u64> {
        let clock = self.now?;
        let latest = self.latest.get_mut(usize::from(self.is_time_of_day))?;
        let before = *latest.get_or_insert(clock);
        if before - clock <= BOOT_STEP {
            *latest = Some(clock);
            self.early_lines = 0;
            return None;
        }
        if self.early_lines == 0 {
            self.first_early = number;
        }
        self.early_lines += 1;
        if self.early_lines <= 2 && clock >= EARLY_BOOT {
            return None;
        }
        *latest = Some(clock);
        self.early_lines = 0;
        Some(self.first_early)
    }

    /// Returns the seconds since the line before.
    pub(crate) fn step(&self) -> Option<f64> {
        Some(self.now? - self.previous?)
    }

    /// Returns the time of the current line.
    pub(crate) fn time(&self, stamp: Option<Stamp<'_>>) -> Option<Time> {
        let clock = self.now?;
        let text = match stamp? {
            Stamp::Boot(_) => None,
            Stamp::Day(_, text) => Some(text.to_string()),
            Stamp::Since(_) => Some(match &self.base {
                Some((_, text)) => format!("{text} +{:.6}", self.since),
                None => format!("+{:.6}", self.since),
            }),
        };
        Some(Time { clock, text })
    }

    /// Returns the seconds since an earlier time, if both are of the same sort.
    pub(crate) fn seconds_since(&self, earlier: &Time) -> Option<f64> {
        let is_same_sort = earlier.text.is_some() == self.is_time_of_day;
        self.now
            .filter(|_| is_same_sort)
            .map(|now| now - earlier.clock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unwrap::unwrap;

    #[test]
    fn relative_stamps_add_up() {
        let mut clock = LogClock::default();
        for line in ["[Nov21 10:00] a", "[  +1.500000] b", "[  +0.250000] c"] {
            let line = unwrap(line, 1).expect("a line");
            clock.advance(line.stamp);
        }
        let time = clock.time(Some(Stamp::Since(0.25))).expect("a time");
        assert_eq!(time.text.as_deref(), Some("Nov21 10:00 +1.750000"));
        assert_eq!(time.clock % 86_400.0, 36_001.75);
    }

    #[test]
    fn a_boot_begins_when_several_lines_step_back_in_time() {
        let boots = |clocks: &[f64]| {
            let mut clock = LogClock::default();
            let is_new_boot = |seconds: &f64| {
                clock.advance(Some(Stamp::Boot(*seconds)));
                clock.new_boot(1).is_some()
            };
            clocks.iter().map(is_new_boot).filter(|&boot| boot).count()
        };
        assert_eq!(boots(&[900.0, 901.0, 899.0, 902.0]), 0);
        assert_eq!(boots(&[900.0, 352.0, 901.0, 98.0, 353.0, 902.0]), 0);
        assert_eq!(boots(&[900.0, 352.0, 353.0, 354.0, 355.0]), 1);
        assert_eq!(boots(&[900.0, 0.0, 0.1]), 1);
    }

    #[test]
    fn mixing_uptime_and_time_of_day_is_no_boot() {
        let mut clock = LogClock::default();
        let day = Stamp::Day(6e10, "2026-11-21T10:00:00");
        for stamp in [
            day,
            Stamp::Boot(90.0),
            Stamp::Boot(91.0),
            Stamp::Boot(92.0),
            day,
        ] {
            clock.advance(Some(stamp));
            assert_eq!(clock.new_boot(1), None);
        }
    }
}
