// SPDX-License-Identifier: GPL-2.0

//! The text of `show route` and `show route all` of BIRD 1, 2 and 3.
//!
//! ```text
//! BIRD 1:  10.0.0.0/24  via 192.0.2.1 on eth0 [ospf1 09:43:00] * E2 (150/20)
//! BIRD 2:  10.0.0.0/24  unicast [ospf1 09:43:00] * E2 (150/20)
//!                  via 192.0.2.1 on eth0
//!                  Type: OSPF univ
//! ```
//!
//! BIRD 2 and 3 print the name of each table before its routes. BIRD has any number of tables; its
//! protocols use `master4` and `master6` by default.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::words;
use super::{Found, ENCAPSULATION};
use crate::error::{Error, Result};

/// The tables of BIRD that its protocols use by default.
const MASTERS: [&str; 3] = ["master", "master4", "master6"];

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

/// The words of a next hop and its weight: `via ADDRESS on DEVICE` or `dev DEVICE`, with attributes.
/// Errors: why the table cannot store it.
fn next_hop(text: &str) -> std::result::Result<(String, u64), String> {
    let mut rest = text.split_whitespace();
    let (mut gateway, mut dev, mut weight) = (None, None, 1);
    while let Some(word) = rest.next() {
        let mut value = || rest.next().ok_or(format!("{word}: value missing"));
        match word {
            "via" => {
                let address = value()?;
                let parsed = address.parse::<IpAddr>();
                gateway = Some(parsed.map_err(|_| format!("{address}: not an address"))?);
            }
            "on" | "dev" => dev = Some(value()?),
            "weight" => {
                let number = value()?;
                let parsed = number.parse();
                weight = parsed.map_err(|_| format!("{number}: not a weight"))?;
            }
            "onlink" => (),
            "mpls" => return Err(format!("mpls: {ENCAPSULATION}")),
            _ => return Err(format!("{word}: unknown word of a next hop")),
        }
    }
    Ok((words::next_hop(gateway, dev)?, weight))
}

/// A route in use; its next hops may be on the next lines.
struct Open<'a> {
    line: u64,
    destination: &'a str,
    next_hops: Vec<&'a str>,
}

impl Open<'_> {
    fn close(self, found: &mut Found) {
        match self.words() {
            Ok(words) => found.push(self.line, words),
            Err(message) => found.refuse(self.line, message),
        }
    }

    /// Returns the words of the route. Errors: why the table cannot store it.
    fn words(&self) -> std::result::Result<String, String> {
        let destination = words::word("destination", self.destination)?;
        let next_hops = self.next_hops.iter().map(|text| next_hop(text));
        let next_hops = next_hops.collect::<std::result::Result<Vec<_>, _>>()?;
        match next_hops.is_empty() {
            true => Err(format!("{destination}: next hop missing")),
            false => Ok(format!("{destination}{}", words::next_hops(&next_hops))),
        }
    }
}

/// Adds a route that discards packets.
fn discard(kind: &str, destination: &str, line: u64, found: &mut Found) {
    match words::word("destination", destination) {
        Ok(destination) => found.push(line, format!("{kind} {destination}")),
        Err(message) => found.refuse(line, message),
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

/// Returns the name of a table if the line is its heading.
fn heading(line: &str) -> Option<&str> {
    line.strip_prefix("Table ")?.trim_end().strip_suffix(':')
}

/// Chooses the tables to import, by name; `None` if the file names no tables. Errors: the file
/// lacks the wanted table, or has several and none of [`MASTERS`].
fn choose<'a>(name: &str, text: &'a str, wanted: Option<&str>) -> Result<Option<Vec<&'a str>>> {
    let mut tables: Vec<_> = text.lines().filter_map(heading).collect();
    tables.sort_unstable();
    tables.dedup();
    let list = tables.join(", ");
    let chosen: Vec<_> = match wanted {
        Some(wanted) => tables
            .iter()
            .copied()
            .filter(|table| *table == wanted)
            .collect(),
        None if tables.len() < 2 => tables.clone(),
        None => {
            let masters = tables.iter().copied();
            masters.filter(|table| MASTERS.contains(table)).collect()
        }
    };
    match (wanted, &chosen[..]) {
        (None, _) if tables.is_empty() => Ok(None),
        (Some(wanted), []) if tables.is_empty() => Err(Error::Usage(format!(
            "{name}: expected the heading of the table {wanted}, found none; leave out --table"
        ))),
        (Some(wanted), []) => Err(Error::Usage(format!(
            "{name}: expected the table {wanted}, found {list}; --table NAME chooses one"
        ))),
        (None, []) => Err(Error::Usage(format!(
            "{name}: expected one of the tables {}, found {list}; --table NAME chooses one",
            MASTERS.join(", ")
        ))),
        _ => Ok(Some(chosen)),
    }
}

/// Finds the routes in use of a table, or of the tables that [`choose`] chooses. Notes which tables
/// these are, and how many routes the other tables have.
pub fn find(name: &str, text: &str, wanted: Option<&str>) -> Result<Found> {
    let mut found = Found::default();
    let Some(chosen) = choose(name, text, wanted)? else {
        find_in(text.lines().zip(1..), &mut found);
        return Ok(found);
    };
    let mut table = None;
    let (mut lines, mut others) = (Vec::new(), BTreeMap::new());
    for (line, number) in text.lines().zip(1..) {
        table = heading(line).or(table);
        match table {
            Some(other) if !chosen.contains(&other) => {
                let is_route = Head::parse(line).is_some();
                *others.entry(other).or_insert(0) += u64::from(is_route);
            }
            _ => lines.push((line, number)),
        }
    }
    find_in(lines.into_iter(), &mut found);
    found
        .notes
        .push(format!("imports the table {}", chosen.join(" and ")));
    for (other, routes) in others {
        found.notes.push(format!(
            "skips the table {other} with {routes} routes; --table {other} imports it"
        ));
    }
    Ok(found)
}

/// Finds the routes in use, among numbered lines.
fn find_in<'a>(lines: impl Iterator<Item = (&'a str, u64)>, found: &mut Found) {
    let mut open: Option<Open<'_>> = None;
    let mut destination = "";
    for (line, number) in lines {
        if let Some(head) = Head::parse(line) {
            if let Some(open) = open.take() {
                open.close(found);
            }
            if !head.destination.is_empty() {
                destination = head.destination;
            }
            match head.target {
                _ if !head.is_primary() => found.inactive += 1,
                kind @ ("blackhole" | "unreachable") => {
                    discard(kind, destination, number, found);
                }
                "prohibited" => discard("prohibit", destination, number, found),
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
        open.close(found);
    }
}
