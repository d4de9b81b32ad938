// SPDX-License-Identifier: GPL-2.0

//! The text of FRR's `show ip route` and `show ipv6 route`.
//!
//! ```text
//! B>  10.0.0.0/8 [200/0] via 192.0.2.1 (recursive), weight 1, 00:00:10
//!   *                      via 198.51.100.1, eth0, weight 1, 00:00:10
//! ```
//!
//! `>` marks the selected route, `*` a next hop in the kernel. A recursive next hop is not in the
//! kernel; the next lines have the next hops that resolve it.

use std::net::IpAddr;

use super::words;
use super::{Found, ENCAPSULATION};

/// The columns before the destination: protocol, `>`, `*`, and letters for the hardware.
const MIN_FLAG_COLUMNS: usize = 3;
const MAX_FLAG_COLUMNS: usize = 5;

/// Returns whether a line of the text is one of FRR's.
pub fn is_frr(text: &str) -> bool {
    text.lines()
        .any(|line| line.starts_with("Codes: ") || Head::parse(line).is_some())
}

/// The first line of a route.
struct Head<'a> {
    flags: &'a str,
    destination: &'a str,
    rest: &'a str,
}

impl<'a> Head<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        (MIN_FLAG_COLUMNS..=MAX_FLAG_COLUMNS).find_map(|columns| {
            let (flags, text) = line.split_at_checked(columns)?;
            let destination = text.split(char::is_whitespace).next()?;
            let (address, _) = destination.split_once('/')?;
            address.parse::<IpAddr>().ok()?;
            is_flags(flags).then_some(Self {
                flags,
                destination,
                rest: text[destination.len()..].trim(),
            })
        })
    }

    /// Splits off `[DISTANCE/METRIC]`. Returns the metric of a kernel route: for other protocols,
    /// FRR sets metrics of its own in the kernel.
    fn metric(&self) -> (Option<&'a str>, &'a str) {
        let brackets = self
            .rest
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'));
        let Some((numbers, rest)) = brackets else {
            return (None, self.rest);
        };
        let metric = numbers.split_once('/').map(|(_, metric)| metric);
        (metric.filter(|_| self.flags.starts_with('K')), rest.trim())
    }
}

/// Returns whether text is the letter of a protocol and marks, and not a part of an address.
fn is_flags(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && matches!(bytes.next(), Some(b' ' | b'>'))
        && bytes.all(|byte| b" >*rqbtoS".contains(&byte))
}

/// Splits a further line of a route into the marks and the next hop.
fn continuation(line: &str) -> Option<(&str, &str)> {
    let text = line.strip_prefix(' ')?.trim_start();
    let begins = ["via ", "is directly connected", "unreachable"];
    let next_hop = |text: &str| begins.iter().any(|begin| text.starts_with(begin));
    if next_hop(text) {
        return Some(("", text));
    }
    let (marks, text) = text.split_once(' ')?;
    let text = text.trim_start();
    (marks.bytes().all(|byte| b">*rqbtoAS".contains(&byte)) && next_hop(text))
        .then_some((marks, text))
}

/// A next hop: the type of the route, or the words of `ip route` behind the destination, and a
/// weight.
enum Hop {
    Discard(&'static str),
    Words(String, u64),
}

/// Parses a next hop. Errors: why the table cannot store it.
fn hop(text: &str) -> Result<Hop, String> {
    let mut parts = text.split(',').map(str::trim);
    let first = parts.next().unwrap_or("");
    if let Some(reason) = first.strip_prefix("unreachable") {
        return Ok(Hop::Discard(match reason {
            _ if reason.contains("blackhole") => "blackhole",
            _ if reason.contains("prohibited") => "prohibit",
            _ => "unreachable",
        }));
    }
    let is_recursive = first.contains("(recursive");
    let gateway = match first.strip_prefix("via ") {
        Some(via) => {
            let word = via.split_whitespace().next().unwrap_or("");
            Some(
                word.parse::<IpAddr>()
                    .map_err(|_| format!("{word}: not an address"))?,
            )
        }
        None => None,
    };
    let second = if is_recursive {
        ""
    } else {
        parts.next().unwrap_or("")
    };
    let mut weight = 1;
    for part in parts.chain([second]) {
        if let Some(number) = part.strip_prefix("weight ") {
            weight = number
                .parse()
                .map_err(|_| format!("{part}: not a weight"))?;
        }
        let is_label = part.starts_with("label ") && part != "label implicit-null";
        if is_label || part.starts_with("seg6") {
            return Err(format!("{part}: {ENCAPSULATION}"));
        }
    }
    let mut rest = second.split_whitespace();
    // A line without a device has a time in its place.
    let dev = rest
        .next()
        .filter(|word| !word.contains(':') && *word != "weight");
    match (gateway, dev, rest.next()) {
        (_, Some(dev), Some("(vrf")) => Err(format!("{dev}: in a VRF; {}", super::ONE_TABLE)),
        (None, Some("Null0"), _) => Ok(Hop::Discard("blackhole")),
        (None, None, _) => Err(format!("{first}: expected via or a device")),
        (gateway, dev, _) => Ok(Hop::Words(words::next_hop(gateway, dev)?, weight)),
    }
}

/// A selected route; further next hops may be on the next lines.
struct Open<'a> {
    line: u64,
    destination: &'a str,
    is_local: bool,
    metric: Option<&'a str>,
    /// The next hops in the kernel.
    hops: Vec<&'a str>,
}

impl Open<'_> {
    fn close(self, found: &mut Found) {
        if self.hops.is_empty() {
            found.inactive += 1;
            return;
        }
        match self.words() {
            Ok(words) => found.push(self.line, words),
            Err(message) => found.refuse(self.line, message),
        }
    }

    /// Returns the words of the route. Errors: why the table cannot store it.
    fn words(&self) -> Result<String, String> {
        let destination = words::word("destination", self.destination)?;
        let metric = match self.metric {
            Some(metric) => format!(" metric {}", words::word("metric", metric)?),
            None => String::new(),
        };
        let mut next_hops = Vec::new();
        for text in &self.hops {
            match hop(text)? {
                Hop::Words(words, weight) => next_hops.push((words, weight)),
                Hop::Discard(kind) if self.hops.len() == 1 => {
                    return Ok(format!("{kind} {destination}{metric}"));
                }
                Hop::Discard(kind) => {
                    return Err(format!("{destination}: {kind} beside another next hop"));
                }
            }
        }
        let kind = if self.is_local { "local " } else { "" };
        let words = words::next_hops(&next_hops);
        // The metric precedes several next hops.
        Ok(match next_hops.len() {
            1 => format!("{kind}{destination}{words}{metric}"),
            _ => format!("{kind}{destination}{metric}{words}"),
        })
    }
}

/// Returns the table or VRF that a heading such as `VRF red:` names; `None` for the main table.
fn section(line: &str) -> Option<Option<&str>> {
    let heading = line.strip_suffix(':')?;
    let name = heading.rsplit(' ').next()?;
    let is_heading = heading.contains("VRF ") || heading.starts_with("Table ");
    let is_main = matches!(name, "default" | "main" | "254");
    is_heading.then_some((!is_main).then_some(name))
}

/// Returns whether a line has no route: a legend, a banner, or a prompt with a command.
fn is_decoration(line: &str) -> bool {
    line.trim().is_empty()
        || line.starts_with("Codes: ")
        || (line.starts_with(' ') && line.contains(" - "))
        || ["Hello, this is ", "Copyright ", "IPv4 ", "IPv6 "]
            .iter()
            .any(|begin| line.starts_with(begin))
        || line.contains("# ")
        || line.ends_with('#')
        || line.contains("show ip")
}

/// Finds the routes that are selected and in the kernel.
pub fn find(text: &str) -> Found {
    let mut found = Found::default();
    let mut open: Option<Open<'_>> = None;
    let mut other_table = None;
    for (line, number) in text.lines().map(str::trim_end).zip(1..) {
        if let Some(head) = Head::parse(line) {
            if let Some(open) = open.take() {
                open.close(&mut found);
            }
            if !head.flags.contains('>') {
                found.inactive += 1;
            } else if let Some(table) = other_table {
                found.refuse(number, format!("{table}: {}", super::ONE_TABLE));
            } else {
                let (metric, rest) = head.metric();
                let is_installed = head.flags.contains('*');
                open = Some(Open {
                    line: number,
                    destination: head.destination,
                    is_local: head.flags.starts_with('L'),
                    metric,
                    hops: is_installed.then_some(rest).into_iter().collect(),
                });
            }
        } else if let Some((marks, text)) = continuation(line) {
            if let Some(open) = open.as_mut().filter(|_| marks.contains('*')) {
                open.hops.push(text);
            }
        } else if let Some(table) = section(line) {
            other_table = table;
        } else if !is_decoration(line) {
            let word = line.split_whitespace().next().unwrap_or("");
            found.refuse(number, format!("{word}: expected a route of FRR"));
        }
    }
    if let Some(open) = open {
        open.close(&mut found);
    }
    found
}
