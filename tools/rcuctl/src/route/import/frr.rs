// SPDX-License-Identifier: GPL-2.0

//! The text of FRR's `show ip route` and `show ipv6 route`.

use std::net::IpAddr;

use super::{Found, MULTIPATH};

/// Returns whether a line of the text is one of FRR's.
pub fn is_frr(text: &str) -> bool {
    text.lines()
        .any(|line| line.starts_with("Codes: ") || Line::parse(line).is_some())
}

/// A line with a destination.
struct Line<'a> {
    /// The code of the protocol, `>` for a selected route, `*` for one in the kernel.
    flags: &'a str,
    destination: &'a str,
    rest: &'a str,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let is_destination = |word: &&str| {
            let address = word.split_once('/').map(|(address, _)| address);
            address.is_some_and(|address| address.parse::<IpAddr>().is_ok())
        };
        let destination = line.split_whitespace().find(is_destination)?;
        let start = line.find(destination)?;
        let flags = line.get(..start)?;
        let rest_of_flags = flags.strip_prefix(|c: char| c.is_ascii_alphabetic())?;
        let is_marked = rest_of_flags.contains(['>', '*']) || rest_of_flags.trim().is_empty();
        if flags.len() > 5 || !is_marked {
            return None;
        }
        let rest = line.get(start + destination.len()..)?;
        Some(Self {
            flags,
            destination,
            rest,
        })
    }

    fn is_active(&self) -> bool {
        self.flags.contains('>') && self.flags.contains('*')
    }

    /// The words of the route; none if its next hop is unknown.
    fn words(&self) -> Option<String> {
        let destination = self.destination;
        let mut rest = self.rest.trim();
        let mut metric = String::new();
        if let Some((numbers, after)) = rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
            // Zebra adds metrics of its own for other protocols. A kernel route has the kernel's.
            if self.flags.starts_with('K') {
                metric = format!(" metric {}", numbers.split_once('/')?.1);
            }
            rest = after.trim();
        }
        if let Some(reason) = rest.strip_prefix("unreachable") {
            let kind = match reason {
                _ if reason.contains("blackhole") => "blackhole",
                _ if reason.contains("prohibited") => "prohibit",
                _ => "unreachable",
            };
            return Some(format!("{kind} {destination}{metric}"));
        }
        let (gateway, rest) = match rest.strip_prefix("via ") {
            Some(rest) => {
                let (gateway, rest) = rest.split_once(',').unwrap_or((rest, ""));
                (gateway.split_whitespace().next(), rest)
            }
            None => (None, rest.strip_prefix("is directly connected,")?),
        };
        let dev = rest.trim_start().split([',', ' ']).next()?;
        let dev = match dev.contains(':') && gateway.is_some() {
            // A recursive route has a time instead of a device.
            true => String::new(),
            false => format!(" dev {dev}"),
        };
        let via = match gateway {
            Some(gateway) if gateway.contains(':') => format!(" via inet6 {gateway}"),
            Some(gateway) => format!(" via inet {gateway}"),
            None => String::new(),
        };
        Some(format!("{destination}{via}{dev}{metric}"))
    }
}

/// Finds the routes that are selected and in the kernel.
pub fn find(text: &str) -> Found {
    let mut found = Found::default();
    let mut is_active = false;
    for (line, number) in text.lines().zip(1..) {
        if let Some(route) = Line::parse(line) {
            is_active = route.is_active();
            match route.words() {
                _ if !is_active => found.inactive += 1,
                Some(words) => found.push(number, words),
                None => found.refuse(number, format!("{line}: expected via or a device")),
            }
        } else if is_active && line.trim_start_matches([' ', '*', '>']).starts_with("via ") {
            // A second next hop.
            if let Some(head) = found.candidates.pop() {
                found.refuse(head.line, format!("via: {MULTIPATH}"));
            }
            is_active = false;
        }
    }
    found
}
