// SPDX-License-Identifier: GPL-2.0

//! Whether the machine is quiet enough to measure on: whether others use its CPUs, and whether the same work takes the
//! same time.

use std::fmt;
use std::fs;
use std::hint::black_box;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::quantile::quantile;

/// How long others are watched.
pub const WATCH: Duration = Duration::from_secs(2);

/// Spins, and how long each should take.
const SPINS: usize = 100;
const SPIN: Duration = Duration::from_millis(5);

/// What a quiet machine may have: parts of the time of all CPUs, and the 90th percentile of spins to the least.
const MAX_BUSY: f64 = 0.05;
const MAX_STOLEN: f64 = 0.01;
const MAX_SPREAD: f64 = 1.05;

/// One look at the machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quiet {
    /// When: before what.
    pub before: String,
    /// The load average of the last minute, our own work included.
    pub load: f64,
    /// The part of the CPUs' time that others used while we slept.
    pub busy: f64,
    /// The part of it that the host of a virtual machine kept for itself.
    pub stolen: f64,
    /// The 90th percentile of the times of the same work, to the least.
    pub spread: f64,
}

/// Ticks of all CPUs since the machine was started.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ticks {
    all: u64,
    idle: u64,
    stolen: u64,
}

impl Ticks {
    /// Of the first line of /proc/stat: user nice system idle iowait irq softirq steal, and guests that are in user.
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

    /// The parts of the time that were busy and stolen.
    fn parts_since(self, before: Self) -> (f64, f64) {
        let part = |ticks: u64| ticks as f64 / (self.all - before.all).max(1) as f64;
        let stolen = self.stolen.saturating_sub(before.stolen);
        let idle = self.idle.saturating_sub(before.idle);
        let busy = (self.all - before.all).saturating_sub(idle + stolen);
        (part(busy), part(stolen))
    }
}

fn spin(turns: u64) -> Duration {
    let begin = Instant::now();
    for turn in 0..turns {
        black_box(turn);
    }
    begin.elapsed()
}

/// The 90th percentile of the times to the least.
fn spread(mut times: Vec<Duration>) -> f64 {
    times.sort();
    let at = |percent| quantile(&times, percent, 100).map_or(1.0, |time| time.as_secs_f64());
    at(90) / at(0)
}

impl Quiet {
    /// Looks at the machine, and watches others so long.
    pub fn look(before: &str, watch: Duration) -> Result<Self> {
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
        let (busy, stolen) = Ticks::parse(&read("/proc/stat")?)?.parts_since(begin);
        let turns = 1 << 20;
        let took = (0..3).map(|_| spin(turns)).min().unwrap_or(SPIN);
        let turns = (turns as f64 * SPIN.as_secs_f64() / took.as_secs_f64().max(1e-9)) as u64;
        Ok(Self {
            before: before.into(),
            load,
            busy,
            stolen,
            spread: spread((0..SPINS).map(|_| spin(turns)).collect()),
        })
    }

    /// Whether it is quiet.
    pub fn holds(&self) -> bool {
        self.busy <= MAX_BUSY && self.stolen <= MAX_STOLEN && self.spread <= MAX_SPREAD
    }
}

impl fmt::Display for Quiet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.holds() { "quiet" } else { "NOT QUIET" };
        write!(
            f,
            "Before {}, the machine is {word}: others use {:.1} % of the CPUs, the host keeps {:.1} %, the same work takes \
             up to {:.1} % longer; load average {:.2}",
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
    fn ticks_are_those_of_all_cpus() {
        let before = Ticks::parse(BEFORE).expect("ticks");
        assert_eq!(
            (before.all, before.idle, before.stolen),
            (82000, 80100, 300)
        );
        let after = Ticks::parse("cpu  1040 10 510 80130 110 0 90 310 5 0\n").expect("ticks");
        assert_eq!(after.parts_since(before), (0.25, 0.05));
        assert!(Ticks::parse("cpu 1 2 3\n").is_err());
        assert!(Ticks::parse("cpu 1 2 3 4 5 6 7 x\n").is_err());
    }

    #[test]
    fn one_interrupted_spin_in_twenty_is_no_spread() {
        let mut times = vec![Duration::from_millis(10); 100];
        times[3] = Duration::from_millis(90);
        assert_eq!(spread(times.clone()), 1.0);
        for time in times.iter_mut().skip(80) {
            *time = Duration::from_millis(12);
        }
        assert!((spread(times) - 1.2).abs() < 0.01);
    }

    #[test]
    fn whatever_disturbs_is_told() {
        let quiet = Quiet {
            before: "reads".into(),
            load: 3.0,
            busy: 0.01,
            stolen: 0.0,
            spread: 1.01,
        };
        assert!(quiet.holds());
        assert!(quiet
            .to_string()
            .starts_with("Before reads, the machine is quiet: others use 1.0 %"));
        for (busy, stolen, spread) in [(0.2, 0.0, 1.0), (0.0, 0.05, 1.0), (0.0, 0.0, 1.3)] {
            let loud = Quiet {
                busy,
                stolen,
                spread,
                ..quiet.clone()
            };
            assert!(loud.to_string().contains("NOT QUIET"), "{loud}");
        }
    }

    #[test]
    fn this_machine_can_be_looked_at() {
        let quiet = Quiet::look("a test", Duration::from_millis(50)).expect("/proc");
        assert!(
            quiet.spread >= 1.0 && (0.0..=1.0).contains(&quiet.busy),
            "{quiet:?}"
        );
    }
}
