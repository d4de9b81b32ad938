// SPDX-License-Identifier: GPL-2.0

//! `stats`: prints the module's counters. The list of names may grow with the module.

use std::io::{Read, Write};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::{Serialize, Serializer};

use crate::device::Device;
use crate::error::{Error, Result, Status};
use crate::output::Output;

pub fn run(
    device: &mut Device<impl Read + Write>,
    watch: Option<Duration>,
    out: &mut Output<impl Write>,
) -> Result<Status> {
    let mut counters = Counters::read(device)?;
    if out.json() {
        out.document(&counters)?;
    } else {
        counters.print(None, out)?;
    }
    while let Some(interval) = watch {
        out.flush()?;
        sleep(interval);
        counters = counters.print_next(device, out)?;
    }
    Ok(Status::Done)
}

/// Counters in the device's order, and when they were read.
struct Counters {
    values: Vec<(String, u64)>,
    at: Instant,
}

impl Counters {
    fn read(device: &mut Device<impl Read + Write>) -> Result<Self> {
        device.command("stats\n")?;
        let mut values = Vec::new();
        device.for_each_line(|line| {
            values.push(counter(line)?);
            Ok(())
        })?;
        Ok(Self {
            values,
            at: Instant::now(),
        })
    }

    /// Reads the counters again and prints them with their changes.
    fn print_next(
        self,
        device: &mut Device<impl Read + Write>,
        out: &mut Output<impl Write>,
    ) -> Result<Self> {
        let now = Self::read(device)?;
        if out.json() {
            out.document(&now)?;
        } else {
            out.line("")?;
            now.print(Some(&self), out)?;
        }
        Ok(now)
    }

    fn print(&self, before: Option<&Self>, out: &mut Output<impl Write>) -> Result<()> {
        let width = self
            .values
            .iter()
            .map(|(name, _)| name.len())
            .max()
            .unwrap_or(0);
        for (name, value) in &self.values {
            let rate = before.and_then(|before| self.rate(before, name, *value));
            match rate {
                None => out.line(&format!("{name:width$} {value}"))?,
                Some(rate) => out.line(&format!("{name:width$} {value:<12} {rate:+.0}/s"))?,
            }
        }
        Ok(())
    }

    /// The change per second of a counter, if it changed.
    fn rate(&self, before: &Self, name: &str, value: u64) -> Option<f64> {
        let (_, old) = before.values.iter().find(|(other, _)| other == name)?;
        let seconds = self.at.duration_since(before.at).as_secs_f64();
        let change = value as f64 - *old as f64;
        (change != 0.0 && seconds > 0.0).then(|| change / seconds)
    }
}

impl Serialize for Counters {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.values.iter().map(|(name, value)| (name, value)))
    }
}

fn counter(line: &str) -> Result<(String, u64)> {
    line.split_once(' ')
        .and_then(|(name, value)| Some((name.to_string(), value.trim().parse().ok()?)))
        .ok_or_else(|| Error::Protocol(format!("expected a counter, found {line:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    fn stats(json: bool) -> String {
        let mut fake = Fake::new().answer("stats", "routes_inet 3\nnodes 18446744073709551615\n");
        let mut text = Vec::new();
        let out = &mut Output::new(&mut text, json);
        run(&mut Device::new(&mut fake), None, out).expect("counters");
        String::from_utf8(text).expect("text")
    }

    #[test]
    fn counters_are_printed_in_the_devices_order() {
        assert_eq!(
            stats(false),
            "routes_inet 3\nnodes       18446744073709551615\n"
        );
        assert_eq!(
            stats(true),
            "{\"routes_inet\":3,\"nodes\":18446744073709551615}\n"
        );
    }

    #[test]
    fn the_rate_is_the_change_per_second() {
        let at = Instant::now();
        let value = |value, at| Counters {
            values: vec![("gp".to_string(), value)],
            at,
        };
        let (before, now) = (value(10, at), value(4, at + Duration::from_secs(2)));
        assert_eq!(now.rate(&before, "gp", 4), Some(-3.0));
        assert_eq!(now.rate(&before, "gp", 10), None);
        assert_eq!(now.rate(&before, "new", 1), None);
    }

    #[test]
    fn counters_are_printed_again_with_their_rates() {
        let mut fake = Fake::new().answer("stats", "gp 7\n");
        let mut device = Device::new(&mut fake);
        let at = Instant::now() - Duration::from_secs(1);
        let before = Counters {
            values: vec![("gp".to_string(), 1)],
            at,
        };
        let mut text = Vec::new();
        before
            .print_next(&mut device, &mut Output::new(&mut text, false))
            .expect("counters");
        let text = String::from_utf8(text).expect("text");
        assert!(
            text.starts_with("\ngp 7 ") && text.contains("+6/s"),
            "{text:?}"
        );
    }

    #[test]
    fn an_invalid_counter_is_an_error() {
        for line in ["", "nodes", "nodes -1", "nodes many"] {
            assert!(counter(line).is_err(), "{line:?}");
        }
    }
}
