// SPDX-License-Identifier: GPL-2.0

//! The text of `show route` of BIRD 1 and BIRD 2.
//!
//! ```text
//! BIRD 1:  10.0.0.0/24  via 192.0.2.1 on eth0 [ospf1 09:43:00] * E2 (150/20)
//! BIRD 2:  10.0.0.0/24  unicast [ospf1 09:43:00] * E2 (150/20)
//!                  via 192.0.2.1 on eth0
//! ```

use super::{Found, MULTIPATH};

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
        let before = before.trim_end();
        let (destination, target) = match line.starts_with([' ', '\t']) {
            true => ("", before.trim_start()),
            false => before.split_once(char::is_whitespace)?,
        };
        let target = target.trim();
        let kinds = [
            "via ",
            "dev ",
            "unicast",
            "multipath",
            "blackhole",
            "unreachable",
            "prohibited",
        ];
        let is_route = kinds.iter().any(|kind| target.starts_with(kind))
            && (destination.is_empty() || destination.contains('/'));
        is_route.then_some(Self {
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

/// The words of a next hop: `via ADDRESS on DEVICE` or `dev DEVICE`.
fn next_hop(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words[..] {
        ["via", gateway, "on", dev, ..] => {
            let family = if gateway.contains(':') {
                "inet6"
            } else {
                "inet"
            };
            format!("via {family} {gateway} dev {dev}")
        }
        _ => words.join(" "),
    }
}

/// A route whose next hops may follow on the next lines.
struct Open {
    line: u64,
    destination: String,
    next_hops: Vec<String>,
}

impl Open {
    fn close(self, found: &mut Found) {
        match &self.next_hops[..] {
            [next_hop] => found.push(self.line, format!("{} {next_hop}", self.destination)),
            [] => found.refuse(self.line, format!("{}: next hop missing", self.destination)),
            _ => found.refuse(self.line, format!("{}: {MULTIPATH}", self.destination)),
        }
    }
}

/// Finds the routes in use.
pub fn find(text: &str) -> Found {
    let mut found = Found::default();
    let mut open: Option<Open> = None;
    let mut destination = "";
    for (line, number) in text.lines().zip(1..) {
        let Some(head) = Head::parse(line) else {
            if let Some(open) = &mut open {
                let target = line.trim_start();
                if target.starts_with("via ") || target.starts_with("dev ") {
                    open.next_hops.push(next_hop(line));
                }
            }
            continue;
        };
        if let Some(open) = open.take() {
            open.close(&mut found);
        }
        if !head.destination.is_empty() {
            destination = head.destination;
        }
        if !head.is_primary() {
            found.inactive += 1;
            continue;
        }
        match head.target {
            "blackhole" | "unreachable" => {
                found.push(number, format!("{} {destination}", head.target));
            }
            "prohibited" => found.push(number, format!("prohibit {destination}")),
            target => {
                let is_whole = target.starts_with("via ") || target.starts_with("dev ");
                open = Some(Open {
                    line: number,
                    destination: destination.to_string(),
                    next_hops: is_whole.then(|| next_hop(target)).into_iter().collect(),
                });
            }
        }
    }
    if let Some(open) = open {
        open.close(&mut found);
    }
    found
}
