// SPDX-License-Identifier: GPL-2.0

//! The text of `show route` and `show route all` of BIRD 1, 2 and 3.
//!
//! ```text
//! BIRD 1:  10.0.0.0/24  via 192.0.2.1 on eth0 [ospf1 09:43:00] * E2 (150/20)
//! BIRD 2:  10.0.0.0/24  unicast [ospf1 09:43:00] * E2 (150/20)
//!                  via 192.0.2.1 on eth0
//!                  Type: OSPF univ
//! ```

use std::net::IpAddr;

use super::{next_hop_words, Found, ENCAPSULATION, MULTIPATH};

/// Returns whether a line of the text is one of BIRD's.
pub fn is_bird(text: &str) -> bool {
    text.lines()
        .any(|line| line.starts_with("BIRD ") || Head::parse(line).is_some())
}

/// The first line of a route: its destination, and the text before and after the protocol.
struct Head<'a> {
    /// Empty for another route to the destination of an earlier line.
    destination: &'a str,
    target: &'a str,
    after: &'a str,
}

impl<'a> Head<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (before, after) = line.split_once(" [")?;
        let (_, after) = after.split_once(']')?;
        let before = before.trim();
        let (first, rest) = before
            .split_once(char::is_whitespace)
            .unwrap_or((before, ""));
        let (destination, target) = match first.contains('/') {
            true => (first, rest.trim()),
            false if line.starts_with([' ', '\t']) => ("", before),
            false => return None,
        };
        let kinds = [
            "unicast",
            "multipath",
            "blackhole",
            "unreachable",
            "prohibited",
        ];
        (is_next_hop(target) || kinds.contains(&target)).then_some(Self {
            destination,
            target,
            after,
        })
    }

    /// BIRD marks the route in use.
    fn is_primary(&self) -> bool {
        self.after.trim_start().starts_with('*')
    }
}

fn is_next_hop(text: &str) -> bool {
    text.starts_with("via ") || text.starts_with("dev ")
}

/// The words of a next hop: `via ADDRESS on DEVICE` or `dev DEVICE`, with attributes. Errors: why
/// the table cannot store it.
fn next_hop(text: &str) -> Result<String, String> {
    let mut words = text.split_whitespace();
    let (mut gateway, mut dev) = (None, None);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word}: value missing"));
        match word {
            "via" => {
                let address = value()?;
                let parsed = address.parse::<IpAddr>();
                gateway = Some(parsed.map_err(|_| format!("{address}: not an address"))?);
            }
            "on" | "dev" => dev = Some(value()?),
            "weight" => drop(value()?),
            "onlink" => (),
            "mpls" => return Err(format!("mpls: {ENCAPSULATION}")),
            _ => return Err(format!("{word}: unknown word of a next hop")),
        }
    }
    Ok(next_hop_words(gateway, dev))
}

/// A route in use; its next hops may be on the next lines.
struct Open<'a> {
    line: u64,
    destination: &'a str,
    next_hops: Vec<&'a str>,
}

impl Open<'_> {
    fn close(self, found: &mut Found) {
        let destination = self.destination;
        let words = match &self.next_hops[..] {
            [text] => next_hop(text),
            [] => Err(format!("{destination}: next hop missing")),
            _ => Err(format!("{destination}: {MULTIPATH}")),
        };
        match words {
            Ok(words) => found.push(self.line, format!("{destination}{words}")),
            Err(message) => found.refuse(self.line, message),
        }
    }
}

/// Returns whether a line has no route: an attribute of `show route all`, a heading, or a command.
fn is_decoration(line: &str) -> bool {
    let is_attribute = line.starts_with([' ', '\t', '+']) && line.contains(':');
    let begins = ["BIRD ", "bird", "Table ", "Access restricted"];
    line.trim().is_empty()
        || is_attribute
        || begins.iter().any(|begin| line.starts_with(begin))
        || line.contains("show route")
}

/// Finds the routes in use.
pub fn find(text: &str) -> Found {
    let mut found = Found::default();
    let mut open: Option<Open<'_>> = None;
    let mut destination = "";
    for (line, number) in text.lines().zip(1..) {
        if let Some(head) = Head::parse(line) {
            if let Some(open) = open.take() {
                open.close(&mut found);
            }
            if !head.destination.is_empty() {
                destination = head.destination;
            }
            match head.target {
                _ if !head.is_primary() => found.inactive += 1,
                kind @ ("blackhole" | "unreachable") => {
                    found.push(number, format!("{kind} {destination}"));
                }
                "prohibited" => found.push(number, format!("prohibit {destination}")),
                target => {
                    let is_whole = is_next_hop(target);
                    open = Some(Open {
                        line: number,
                        destination,
                        next_hops: is_whole.then_some(target).into_iter().collect(),
                    });
                }
            }
        } else if is_next_hop(line.trim_start()) {
            // Without an open route, the next hop belongs to a route that is not in use.
            if let Some(open) = &mut open {
                open.next_hops.push(line);
            }
        } else if !is_decoration(line) {
            let word = line.split_whitespace().next().unwrap_or("");
            found.refuse(number, format!("{word}: expected a route of BIRD"));
        }
    }
    if let Some(open) = open {
        open.close(&mut found);
    }
    found
}
