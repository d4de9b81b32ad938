// SPDX-License-Identifier: GPL-2.0

//! Derives the tick rate from lines that the kernel prints at boot.

use crate::scan::number_after;

/// Parses `Calibrating delay loop... 4199.92 BogoMIPS (lpj=8399844)`.
///
/// `init/calibrate.c` prints lpj * HZ / 500000 as BogoMIPS.
pub(super) fn of_calibration(text: &str) -> Option<f64> {
    let loops_per_jiffy = number_after(text, "(lpj=").filter(|&loops| loops > 0)?;
    let before = text.split(" BogoMIPS").next()?;
    let mips: u32 = before.rsplit([' ', '.']).nth(1)?.parse().ok()?;
    Some(f64::from(mips) * 500_000.0 / loops_per_jiffy as f64)
}

/// Parses `clocksource: jiffies: … max_idle_ns: 7645041785100000 ns`.
///
/// The longest idle time is a fixed number of jiffies.
pub(super) fn of_jiffies_clock(text: &str) -> Option<f64> {
    const MAX_IDLE_JIFFIES: f64 = 1_911_260.446_275;
    let ns = number_after(text, "max_idle_ns:").filter(|&ns| ns > 0)?;
    Some(MAX_IDLE_JIFFIES * 1e12 / ns as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_boot_reveal_the_rate() {
        let rate =
            of_calibration("Calibrating delay loop (skipped).. 4199.92 BogoMIPS (lpj=8399844)");
        assert_eq!(rate.map(f64::round), Some(250.0));
        for (ns, hz) in [
            (1_911_260_446_275_000u64, 1000.0),
            (7_645_041_785_100_000, 250.0),
        ] {
            let rate = of_jiffies_clock(&format!("clocksource: jiffies: max_idle_ns: {ns} ns"));
            assert_eq!(rate.map(f64::round), Some(hz));
        }
    }
}
