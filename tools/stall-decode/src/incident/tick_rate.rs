// SPDX-License-Identifier: GPL-2.0

//! The tick rate, which converts jiffies to seconds.

use crate::event::{Event, EventKind};

/// Values of CONFIG_HZ.
const RATES: [u32; 4] = [100, 250, 300, 1000];

/// Usual stall time-outs in seconds: the default, that of distributions, and both with lockdep.
const TIMEOUTS: [f64; 4] = [21.0, 60.0, 26.0, 65.0];

/// Jiffies per second, if known.
#[derive(Debug, Default)]
pub(super) struct TickRate(Option<u32>);

impl TickRate {
    pub(super) fn hz(&self) -> Option<u32> {
        self.0
    }

    /// Sets the rate that the kernel printed at boot.
    pub(super) fn set(&mut self, hz: f64) {
        self.0 = nearest(hz, 0.02).or(self.0);
    }

    /// Measures the rate from two reports of one stall: time in seconds, and age in jiffies.
    pub(super) fn measure(&mut self, first: (f64, u64), second: (f64, u64)) {
        self.0 = measured(first, second).or(self.0);
    }

    /// Sets `seconds` and `hz` of an event.
    pub(super) fn convert(&self, event: &mut Event) {
        let kthread = event.kthread.as_ref();
        let starved =
            kthread.and_then(|kthread| kthread.starved_jiffies.or(kthread.timer_overdue_jiffies));
        let starved = starved.and_then(|jiffies| jiffies.try_into().ok());
        let Some(jiffies) = event.t_jiffies.or(starved) else {
            return;
        };
        let is_stall = event.kind == EventKind::RcuCpuStall;
        event.hz = self.0.or_else(|| guessed(jiffies).filter(|_| is_stall));
        event.seconds = event
            .hz
            .map(|hz| (jiffies as f64 / f64::from(hz) * 10.0).round() / 10.0);
    }
}

/// Returns the value of CONFIG_HZ that differs from `hz` by less than a relative tolerance.
fn nearest(hz: f64, tolerance: f64) -> Option<u32> {
    RATES
        .into_iter()
        .find(|&rate| (hz / f64::from(rate) - 1.0).abs() < tolerance)
}

fn measured(first: (f64, u64), second: (f64, u64)) -> Option<u32> {
    let seconds = second.0 - first.0;
    let jiffies = second.1.checked_sub(first.1)? as f64;
    // Expedited stalls repeat within a second.
    if seconds < 1.0 && (seconds < 0.3 || jiffies < 50.0) {
        return None;
    }
    nearest(jiffies / seconds, 0.08)
}

/// Guesses the rate at which the age of a first report just exceeds a usual time-out.
fn guessed(jiffies: u64) -> Option<u32> {
    let jiffies = jiffies as f64;
    for timeout in TIMEOUTS {
        for rate in RATES {
            let ratio = jiffies / (timeout * f64::from(rate));
            if (1.0..1.012).contains(&ratio) {
                return Some(rate);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_measured_between_two_reports() {
        assert_eq!(measured((100.0, 2100), (163.0, 8403)), Some(100));
        assert_eq!(measured((100.0, 2100), (100.0, 8403)), None);
        assert_eq!(measured((100.0, 2100), (163.0, 100)), None);
    }

    #[test]
    fn the_rate_is_guessed_from_a_usual_time_out() {
        assert_eq!(guessed(60002), Some(1000));
        assert_eq!(guessed(5250), Some(250));
        assert_eq!(guessed(6301), Some(300));
        assert_eq!(guessed(6001), Some(100));
        assert_eq!(guessed(77), None);
    }
}
