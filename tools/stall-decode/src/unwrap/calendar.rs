// SPDX-License-Identifier: GPL-2.0

//! Parses dates and times of day.
//!
//! The result is in seconds of a calendar without time zones, in year 0 if the log omits the year.
//! Compare it only within one log.

use crate::scan::Scan;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const DAY: f64 = 86_400.0;

/// Parses a time of day in any form that loggers write.
pub(super) fn time_of_day(scan: &mut Scan<'_>) -> Option<f64> {
    let mut ahead = *scan;
    let clock = parse(&mut ahead)?;
    *scan = ahead;
    Some(clock)
}

fn parse(scan: &mut Scan<'_>) -> Option<f64> {
    if scan.peek()?.is_ascii_alphabetic() {
        if name(scan, &WEEKDAYS).is_some() {
            scan.eat(",");
            scan.spaces();
        }
        if let Some(month) = name(scan, &MONTHS) {
            return by_month(scan, month);
        }
    }
    let first = scan.number()?;
    match scan.byte()? {
        b':' => time(scan, first),
        // `11-21 10:00:00.123`
        b'-' if first <= 12 => {
            let day = scan.number()?;
            scan.expect(" ")?;
            Some(days(0, first, day) + full_time(scan)?)
        }
        // `2026-11-21T10:00:00.123+00:00`
        separator @ (b'-' | b'/') if (1970..3000).contains(&first) => {
            let separator = if separator == b'-' { "-" } else { "/" };
            let month = scan.number()?;
            let day = scan.expect(separator)?.number()?;
            if !scan.eat("T") {
                scan.expect(" ")?;
            }
            let clock = days(first, month, day) + full_time(scan)?;
            zone(scan);
            Some(clock)
        }
        _ => None,
    }
}

/// Parses `Nov 21 10:00:00 2026`, `Nov  1 10:00:00`, `Nov21 10:00` after the month.
fn by_month(scan: &mut Scan<'_>, month: u64) -> Option<f64> {
    let day = scan.spaces().number()?;
    scan.expect(" ")?.spaces();
    // Some syslogs print the year before the time.
    let mut ahead = *scan;
    let mut year = ahead.number().filter(|year| (1970..3000).contains(year));
    if year.is_some() && ahead.eat(" ") {
        *scan = ahead;
    }
    let clock = full_time(scan)?;
    let mut ahead = *scan;
    if year.is_none() && ahead.eat(" ") {
        year = ahead.number().filter(|year| (1970..3000).contains(year));
        if year.is_some() && matches!(ahead.peek(), None | Some(b' ' | b']')) {
            *scan = ahead;
        } else {
            year = None;
        }
    }
    Some(days(year.unwrap_or(0), month, day) + clock)
}

fn name(scan: &mut Scan<'_>, names: &[&str]) -> Option<u64> {
    let found = names.iter().position(|name| {
        let mut ahead = *scan;
        ahead.eat(name) && !ahead.peek().is_some_and(|byte| byte.is_ascii_alphabetic())
    })?;
    scan.eat(names.get(found)?);
    scan.spaces();
    Some(found as u64 + 1)
}

fn full_time(scan: &mut Scan<'_>) -> Option<f64> {
    let hour = scan.number()?;
    scan.expect(":")?;
    time(scan, hour)
}

/// Parses minutes, and optional seconds, after the hour.
fn time(scan: &mut Scan<'_>, hour: u64) -> Option<f64> {
    let minute = scan.number()?;
    let mut second = 0.0;
    if scan.eat(":") {
        second = scan.number()? as f64;
        let mut ahead = *scan;
        if ahead.eat(".") || ahead.eat(",") {
            let digits = ahead.run(|byte| byte.is_ascii_digit());
            if let Ok(fraction) = format!("0.{digits}").parse::<f64>() {
                second += fraction;
                *scan = ahead;
            }
        }
    }
    let is_valid = hour < 25 && minute < 60 && second < 62.0;
    is_valid.then_some(hour as f64 * 3600.0 + minute as f64 * 60.0 + second)
}

fn zone(scan: &mut Scan<'_>) {
    let mut ahead = *scan;
    if ahead.eat("Z") || ahead.eat(" UTC") {
        *scan = ahead;
        return;
    }
    if matches!(ahead.byte(), Some(b'+' | b'-')) {
        let digits = ahead.run(|byte| byte.is_ascii_digit() || byte == b':');
        if digits.len() >= 2 {
            *scan = ahead;
        }
    }
}

/// Returns the seconds to the start of a day. Invalid days are accepted, as only the order matters.
fn days(year: u64, month: u64, day: u64) -> f64 {
    const BEFORE: [u32; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let index = month.clamp(1, 12) - 1;
    let before = BEFORE.get(index as usize).copied().unwrap_or(0);
    let leap = u32::from(month > 2 && year % 4 == 0);
    let years = year.min(3000) as f64;
    (years * 365.0 + (years / 4.0).ceil() + f64::from(before + leap) + day.min(31) as f64) * DAY
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(text: &str) -> (f64, &str) {
        let mut scan = Scan::new(text);
        let clock = time_of_day(&mut scan).unwrap_or_else(|| panic!("no time: {text:?}"));
        (clock % DAY, scan.rest())
    }

    #[test]
    fn every_form_of_date_and_time_is_parsed() {
        let ten = 10.0 * 3600.0 + 65.0;
        for (text, rest) in [
            ("Nov 21 10:01:05 host", " host"),
            ("Nov  1 10:01:05 host", " host"),
            ("Sat Nov 21 10:01:05 2026]", "]"),
            ("Nov 21 10:01:05 2026 host", " host"),
            ("Nov 21 2026 10:01:05 host", " host"),
            ("2026-11-21T10:01:05+01:00 host", " host"),
            ("2026-11-21T10:01:05Z host", " host"),
            ("2026-11-21 10:01:05 host", " host"),
            ("Sat 2026-11-21 10:01:05 UTC host", " host"),
            ("2026/11/21 10:01:05 host", " host"),
            ("11-21 10:01:05 host", " host"),
            ("10:01:05 host", " host"),
        ] {
            assert_eq!(clock(text), (ten, rest), "{text}");
        }
        assert_eq!(clock("Nov21 10:01]"), (ten - 5.0, "]"));
        assert_eq!(
            clock("2026-11-21T10:01:05,250000+0000 x"),
            (ten + 0.25, " x")
        );
        assert_eq!(clock("Nov 21 10:01:05.250000 host"), (ten + 0.25, " host"));
    }

    #[test]
    fn words_that_are_no_time_are_rejected() {
        for text in [
            "",
            "Marvell 12",
            "May the",
            "12.5",
            "2026-11",
            "usb 1-1: new",
            "10:xx",
        ] {
            assert_eq!(time_of_day(&mut Scan::new(text)), None, "{text:?}");
        }
    }

    #[test]
    fn later_times_are_greater() {
        let at = |text| time_of_day(&mut Scan::new(text)).expect("a time");
        assert!(at("Dec 31 23:59:59") > at("Nov 30 23:59:59"));
        assert!(at("2024-03-01T00:00:00") - at("2024-02-29T00:00:00") == DAY);
        assert!(at("2026-01-01T00:00:00") - at("2025-12-31T00:00:00") == DAY);
        assert!(at("2025-01-01T00:00:00") - at("2024-12-31T00:00:00") == DAY);
    }
}
