// SPDX-License-Identifier: GPL-2.0

//! The tick rate, which converts jiffies to seconds.

use crate::event::{Event, EventKind, Kthread};

/// Values of CONFIG_HZ.
const RATES: [u32; 4] = [100, 250, 300, 1000];

/// Usual ages of a report in seconds: the default time-out, that of distributions, and both with
/// lockdep. Then those of a second report, for logs that lack the first.
const AGES: [f64; 6] = [21.0, 60.0, 26.0, 65.0, 84.0, 240.0];

/// Jiffies per scan for quiescent states at a tick rate, at least. `RCU_JIFFIES_TILL_FORCE_QS`
/// grows with the rate; each wait lasts up to one jiffy longer, and most do.
const JIFFIES_PER_SCAN: [(u32, f64); 4] = [(100, 0.9), (250, 0.9), (300, 1.8), (1000, 2.6)];

/// Jiffies per second, if known.
#[derive(Debug, Default)]
pub(super) struct TickRate {
    known: Option<u32>,
    /// The guess for the newest stall.
    guess: Option<u32>,
}

impl TickRate {
    pub(super) fn hz(&self) -> Option<u32> {
        self.known
    }

    /// Sets the rate that the kernel printed at boot.
    pub(super) fn set(&mut self, hz: f64) {
        self.known = nearest(hz, 0.02).or(self.known);
    }

    /// Measures the rate from two reports of one stall: time in seconds, and age in jiffies.
    pub(super) fn measure(&mut self, first: (f64, u64), second: (f64, u64)) {
        self.known = measured(first, second).or(self.known);
    }

    /// Sets `seconds` and `hz` of an event.
    pub(super) fn convert(&mut self, event: &mut Event) {
        let kthread = event.kthread.as_ref();
        let starved =
            kthread.and_then(|kthread| kthread.starved_jiffies.or(kthread.timer_overdue_jiffies));
        let starved = starved.and_then(|jiffies| jiffies.try_into().ok());
        let Some(jiffies) = event.t_jiffies.or(starved) else {
            return;
        };
        self.known = self.known.or_else(|| of_cputime(event));
        self.known = self.known.or_else(|| of_clock_behind(event));
        event.hz = self.known;
        if event.hz.is_none() && event.kind == EventKind::RcuCpuStall {
            self.guess = match event.repeats {
                0 => guessed(event),
                _ => self.guess,
            };
        }
        if event.hz.is_none() && event.kind != EventKind::RcuExpeditedStall {
            event.hz = self.guess;
            event.evidence.is_hz_guessed = event.hz.is_some();
        }
        event.seconds = event
            .hz
            .map(|hz| (jiffies as f64 / f64::from(hz) * 10.0).round() / 10.0);
    }
}

/// Measures the rate by the table of CPU times: its period is the second half of the stall.
fn of_cputime(event: &Event) -> Option<u32> {
    let t = event.t_jiffies.filter(|_| event.repeats == 0)?;
    let mut details = event.cpu_details.iter();
    let period = details.find_map(|detail| detail.cputime.as_ref()?.period)?;
    nearest(t as f64 * 500.0 / period as f64, 0.03).filter(|_| period > 0)
}

/// Measures the rate by a CPU whose clock stopped when the grace period began to stall.
fn of_clock_behind(event: &Event) -> Option<u32> {
    let (_, behind) = event.evidence.clock_behind?;
    let own = event.kthread.as_ref().and_then(Kthread::overdue);
    let overdue = own.or(event.evidence.kthread_overdue)?;
    nearest(overdue as f64 / behind, 0.02).filter(|_| behind > 10.0)
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
///
/// Uptime and the number of scans exclude rates: a stall cannot be older than the machine, and the
/// grace-period kthread cannot scan more often than its timer fires.
fn guessed(event: &Event) -> Option<u32> {
    let jiffies = event.t_jiffies.filter(|_| event.repeats == 0)? as f64;
    let uptime = event.time.as_ref().filter(|time| time.text.is_none());
    let scans = event
        .cpu_details
        .iter()
        .filter_map(|detail| detail.fqs)
        .max();
    let per_scan = scans
        .filter(|&scans| scans > 20)
        .map(|scans| jiffies / scans as f64);
    let is_possible = |rate: u32| {
        let is_in_uptime =
            uptime.is_none_or(|uptime| jiffies / f64::from(rate) < uptime.clock + 1.0);
        let least = JIFFIES_PER_SCAN.iter().find(|(hz, _)| *hz == rate);
        let least = least.map_or(0.0, |(_, least)| *least);
        is_in_uptime && per_scan.is_none_or(|per_scan| per_scan >= least)
    };
    let usual = AGES.into_iter().find_map(|age| {
        RATES.into_iter().find(|&rate| {
            let ratio = jiffies / (age * f64::from(rate));
            (1.0..1.012).contains(&ratio) && is_possible(rate)
        })
    });
    let mut possible = RATES.into_iter().filter(|&rate| is_possible(rate));
    let only = possible.next().filter(|_| possible.next().is_none());
    usual.or(only)
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
    fn the_rate_is_guessed_from_a_usual_time_out_unless_the_log_contradicts() {
        let guess = |t: u64, scans: Option<u64>, uptime: Option<f64>| {
            let mut event = Event::new(EventKind::RcuCpuStall);
            event.t_jiffies = Some(t);
            event.cpu_details.push(crate::CpuDetail {
                fqs: scans,
                ..Default::default()
            });
            event.time = uptime.map(|clock| crate::Time { clock, text: None });
            guessed(&event)
        };
        assert_eq!(guess(60002, None, None), Some(1000));
        assert_eq!(guess(5250, Some(2624), Some(817.6)), Some(250));
        assert_eq!(guess(6301, None, None), Some(300));
        assert_eq!(guess(6001, None, None), Some(100));
        assert_eq!(guess(77, None, None), None);
        // 2.35 jiffies between two scans: not 1000 Hz. Then a stall older than the machine.
        assert_eq!(guess(60003, Some(25497), Some(700.2)), Some(250));
        assert_eq!(guess(6003, Some(2000), Some(40.2)), None);
        // An old stall in a young machine: every other rate is too low.
        assert_eq!(guess(1_500_029, Some(312_330), Some(1926.2)), Some(1000));
    }
}
