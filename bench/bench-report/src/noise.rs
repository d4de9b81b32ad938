// SPDX-License-Identifier: GPL-2.0

//! Checks whether the machine is quiet enough for measurements: whether other programs use its
//! CPUs, and whether the same loop always takes the same time.

use std::fmt;
use std::fs;
use std::hint::black_box;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::quantile::quantile;

/// The time for which the check watches the use of the CPUs.
pub const WATCH: Duration = Duration::from_secs(2);

/// The number of loops, and the intended time of each.
const LOOPS: usize = 100;
const LOOP_TIME: Duration = Duration::from_millis(5);

/// The limits of a quiet machine: fractions of the time of all CPUs, and `NoiseCheck::spread`.
const MAX_BUSY: f64 = 0.05;
const MAX_STOLEN: f64 = 0.01;
const MAX_SPREAD: f64 = 1.05;

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoiseCheck {
    /// The measurement that follows the check.
    pub before: String,
    /// The load average of the last minute, which includes the benchmark's own work.
    pub load: f64,
    /// The fraction of the CPUs' time that other programs used.
    pub busy: f64,
    /// The fraction of the CPUs' time that the host of a virtual machine withheld.
    pub stolen: f64,
    /// The 90th percentile of the times of a loop, divided by the minimum.
    pub spread: f64,
}

/// Ticks of all CPUs since boot.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ticks {
    all: u64,
    idle: u64,
    stolen: u64,
}

impl Ticks {
    /// Parses the first line of /proc/stat: user nice system idle iowait irq softirq steal. The
    /// guest times that follow are included in user and nice.
    fn parse(stat: &str) -> Result<Self> {
        let line = stat.lines().next().unwrap_or_default();
        let ticks: Vec<u64> = line
            .split_whitespace()
            .skip(1)
            .take(8)
            .map(str::parse)
            .collect::<Result<_, _>>()
            .with_context(|| format!("/proc/stat: {line:?}"))?;
        let [_, _, _, idle, wait, _, _, stolen] = ticks[..] else {
            anyhow::bail!("/proc/stat: {line:?}");
        };
        Ok(Self {
            all: ticks.iter().sum(),
            idle: idle + wait,
            stolen,
        })
    }

    /// The fractions of the time since `before` that were busy and stolen.
    fn fractions_since(self, before: Self) -> (f64, f64) {
        let fraction = |ticks: u64| ticks as f64 / (self.all - before.all).max(1) as f64;
        let stolen = self.stolen.saturating_sub(before.stolen);
        let idle = self.idle.saturating_sub(before.idle);
        let busy = (self.all - before.all).saturating_sub(idle + stolen);
        (fraction(busy), fraction(stolen))
    }
}

fn time_loop(iterations: u64) -> Duration {
    let begin = Instant::now();
    for iteration in 0..iterations {
        black_box(iteration);
    }
    begin.elapsed()
}

/// The 90th percentile of the times, divided by the minimum.
fn spread(mut times: Vec<Duration>) -> f64 {
    times.sort();
    let at = |percent| quantile(&times, percent, 100).map_or(1.0, |time| time.as_secs_f64());
    at(90) / at(0)
}

impl NoiseCheck {
    /// Checks the machine; watches other programs for `watch`.
    pub fn run(before: &str, watch: Duration) -> Result<Self> {
        let read = |path: &str| fs::read_to_string(path).context(path.to_string());
        let load = read("/proc/loadavg")?;
        let load = load
            .split(' ')
            .next()
            .unwrap_or_default()
            .parse()
            .context("/proc/loadavg")?;
        let begin = Ticks::parse(&read("/proc/stat")?)?;
        sleep(watch);
        let (busy, stolen) = Ticks::parse(&read("/proc/stat")?)?.fractions_since(begin);
        let trial = 1 << 20;
        let time = (0..3).map(|_| time_loop(trial)).min().unwrap_or(LOOP_TIME);
        let scale = LOOP_TIME.as_secs_f64() / time.as_secs_f64().max(1e-9);
        let iterations = (trial as f64 * scale) as u64;
        Ok(Self {
            before: before.into(),
            load,
            busy,
            stolen,
            spread: spread((0..LOOPS).map(|_| time_loop(iterations)).collect()),
        })
    }

    pub fn is_quiet(&self) -> bool {
        self.busy <= MAX_BUSY && self.stolen <= MAX_STOLEN && self.spread <= MAX_SPREAD
    }
}

impl fmt::Display for NoiseCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.is_quiet() {
            true => "quiet",
            false => "NOT QUIET",
        };
        write!(
            f,
            "Before {}, the machine is {state}: other programs use {:.1} % of the CPUs, the host withholds {:.1} %, 90 % of \
             loops take at most {:.1} % longer than the fastest; load average {:.2}",
            self.before,
            self.busy * 100.0,
            self.stolen * 100.0,
            (self.spread - 1.0) * 100.0,
            self.load
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "cpu  1000 10 500 80000 100 0 90 300 5 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n";

    #[test]
    fn ticks_are_parsed_from_the_line_of_all_cpus() {
        let before = Ticks::parse(BEFORE).expect("ticks");
        assert_eq!(
            (before.all, before.idle, before.stolen),
            (82000, 80100, 300)
        );
        let after = Ticks::parse("cpu  1040 10 510 80130 110 0 90 310 5 0\n").expect("ticks");
        assert_eq!(after.fractions_since(before), (0.25, 0.05));
        assert!(Ticks::parse("cpu 1 2 3\n").is_err());
        assert!(Ticks::parse("cpu 1 2 3 4 5 6 7 x\n").is_err());
    }

    #[test]
    fn one_interrupted_loop_in_a_hundred_is_ignored() {
        let mut times = vec![Duration::from_millis(10); 100];
        times[3] = Duration::from_millis(90);
        assert_eq!(spread(times.clone()), 1.0);
        for time in times.iter_mut().skip(80) {
            *time = Duration::from_millis(12);
        }
        assert!((spread(times) - 1.2).abs() < 0.01);
    }

    #[test]
    fn each_kind_of_noise_is_reported() {
        let quiet = NoiseCheck {
            before: "reads".into(),
            load: 3.0,
            busy: 0.01,
            stolen: 0.0,
            spread: 1.01,
        };
        assert!(quiet.is_quiet());
        assert!(quiet
            .to_string()
            .starts_with("Before reads, the machine is quiet: other programs use 1.0 %"));
        for (busy, stolen, spread) in [(0.2, 0.0, 1.0), (0.0, 0.05, 1.0), (0.0, 0.0, 1.3)] {
            let noisy = NoiseCheck {
                busy,
                stolen,
                spread,
                ..quiet.clone()
            };
            assert!(noisy.to_string().contains("NOT QUIET"), "{noisy}");
        }
    }

    #[test]
    fn the_check_runs_on_this_machine() {
        let check = NoiseCheck::run("a test", Duration::from_millis(50)).expect("/proc");
        assert!(
            check.spread >= 1.0 && (0.0..=1.0).contains(&check.busy),
            "{check:?}"
        );
    }
}
