// SPDX-License-Identifier: GPL-2.0

//! The text of FRR's `show bgp ipv4 unicast`, `show bgp ipv6 unicast` and `show ip bgp`.
//!
//! ```text
//!    Network          Next Hop            Metric LocPrf Weight Path
//! *> 10.0.0.0/24      192.0.2.1                0             0 64512 i
//! *=                  192.0.2.2                0             0 64512 i
//! *> 2001:db8:aaaa:bbbb::/64
//!                     2001:db8::1              0             0 64512 i
//! ```

use std::net::IpAddr;

use super::words;
use super::Found;

/// Returns whether the text has the heading of the table.
pub fn is_frr_bgp(text: &str) -> bool {
    text.lines().any(is_heading)
}

fn is_heading(line: &str) -> bool {
    line.trim_start().starts_with("Network ") && line.contains("Next Hop")
}

/// The number of columns before the network: they hold the status of a path.
const STATUS_COLUMNS: usize = 6;

/// A line of the table: the status of a path, its network, and the next words. Without a network,
/// the path belongs to the network of an earlier line.
struct Line<'a> {
    status: &'a str,
    network: Option<&'a str>,
    words: Vec<&'a str>,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Self {
        let is_status = |&(column, byte): &(usize, u8)| {
            // `d` marks a damped path in the first two columns. Later it is a digit of a network.
            b" *>=suhSrRVINi".contains(&byte) || (byte == b'd' && column < 2)
        };
        let columns = line.bytes().enumerate().take(STATUS_COLUMNS);
        // All bytes of a status are ASCII, so the split is between characters.
        let (status, rest) = line.split_at(columns.take_while(is_status).count());
        let mut words: Vec<&str> = rest.split_whitespace().collect();
        let is_first = status.len() < STATUS_COLUMNS;
        let network = (is_first && words.first().is_some_and(|word| is_network(word)))
            .then(|| words.remove(0));
        // Behind the network `wide` prints why bgpd chose the path.
        if words.first().is_some_and(|word| word.starts_with('(')) {
            let end = words.iter().position(|word| word.ends_with(')'));
            words.drain(..=end.unwrap_or(0));
        }
        Self {
            status,
            network,
            words,
        }
    }
}

/// Returns whether a word is a network. The length may be missing: a classful network has none.
fn is_network(word: &str) -> bool {
    let (address, len) = word.split_once('/').unwrap_or((word, ""));
    address.parse::<IpAddr>().is_ok() && len.bytes().all(|byte| byte.is_ascii_digit())
}

/// Adds the length of a classful network, which old versions omit.
fn with_length(network: &str) -> String {
    let first = network
        .split('.')
        .next()
        .and_then(|octet| octet.parse::<u8>().ok());
    match first {
        _ if network.contains(['/', ':']) => network.to_string(),
        _ if network == "0.0.0.0" => "0.0.0.0/0".to_string(),
        Some(0..=127) => format!("{network}/8"),
        Some(128..=191) => format!("{network}/16"),
        _ => format!("{network}/24"),
    }
}

/// Parses a next hop: an address, possibly followed by a VRF (`@4`) or a name (`(router)`).
fn next_hop(word: &str) -> Option<IpAddr> {
    word.split(['@', '(', '%', '<']).next()?.parse().ok()
}

/// The best path of a network.
struct Best {
    line: u64,
    network: String,
    next_hop: IpAddr,
}

impl Best {
    /// Adds the route. `others` are the next hops of the other paths of a multipath route.
    fn close(self, others: &[IpAddr], found: &mut Found) {
        // The router originates the network.
        if self.next_hop.is_unspecified() {
            found.inactive += 1;
            return;
        }
        let next_hops = [self.next_hop].into_iter().chain(others.iter().copied());
        let words = next_hops.map(|next_hop| (words::via(next_hop), 1));
        let words = words::next_hops(&words.collect::<Vec<_>>());
        found.push(self.line, format!("{}{words}", self.network));
    }
}

#[derive(Default)]
struct Table {
    network: String,
    best: Option<Best>,
    /// The number and status of the last line, if its next hop is on the next line.
    pending: Option<(u64, String)>,
    /// The next hops of the paths that share the traffic with the best one.
    others: Vec<IpAddr>,
}

impl Table {
    fn start(&mut self, network: &str, found: &mut Found) {
        if let Some((line, _)) = self.pending.take() {
            found.refuse(line, format!("{}: next hop missing", self.network));
        }
        self.end(found);
        self.network = with_length(network);
        self.others.clear();
    }

    fn path(&mut self, line: u64, status: &str, next_hop: IpAddr, found: &mut Found) {
        if status.contains('>') && self.best.is_none() {
            self.best = Some(Best {
                line,
                network: self.network.clone(),
                next_hop,
            });
        } else if status.contains('=') {
            self.others.push(next_hop);
        } else {
            found.inactive += 1;
        }
    }

    fn end(&mut self, found: &mut Found) {
        if let Some(best) = self.best.take() {
            best.close(&self.others, found);
        }
    }
}

/// Finds the best path of each network.
pub fn find(text: &str) -> Found {
    let mut found = Found::default();
    let mut table = Table::default();
    let mut is_inside = false;
    for (line, number) in text.lines().zip(1..) {
        if is_heading(line) {
            is_inside = true;
            continue;
        }
        // A blank line does not end the table: the line with the number of routes does.
        if !is_inside || line.trim().is_empty() {
            continue;
        }
        if line.starts_with("Displayed ") || line.starts_with("Total number") {
            is_inside = false;
            continue;
        }
        read_line(&mut table, line, number, &mut found);
    }
    table.end(&mut found);
    found
}

fn read_line(table: &mut Table, text: &str, number: u64, found: &mut Found) {
    let line = Line::parse(text);
    if let Some(network) = line.network {
        table.start(network, found);
    }
    let first = line.words.first().copied();
    match first.map(|word| (word, next_hop(word))) {
        Some((_, Some(next_hop))) => {
            let (number, status) = match table.pending.take() {
                Some(pending) => pending,
                None => (number, line.status.to_string()),
            };
            table.path(number, &status, next_hop, found);
        }
        None if line.network.is_some() => table.pending = Some((number, line.status.to_string())),
        // The metrics of a path: a long next hop has a line of its own.
        Some(_) if line.network.is_none() && text.starts_with(' ') && table.pending.is_none() => (),
        _ => {
            let word = first.unwrap_or(text).to_string();
            found.refuse(number, format!("{word}: expected a network or a next hop"));
        }
    }
}
