// SPDX-License-Identifier: GPL-2.0

//! The device's own parser, included from the module's sources: an ioctl then means the same as the
//! line of text.
//!
//! The parser gives no reason for an invalid line. Callers send such a line as text: the device
//! explains the error, or accepts the line if the module is newer than this program.

#[path = "../../../../device"]
mod device {
    #[expect(
        dead_code,
        reason = "only the device uses the error messages and the text of `help`"
    )]
    pub(super) mod command;
    #[expect(dead_code, reason = "only the device reads lines split between writes")]
    pub(super) mod lines;
}

use std::net::IpAddr;

use crate::rcu_table::{NextHop, Prefix, Route, Selector};
use crate::route::import::MULTIPATH;

use device::command::refusal::Reason;
pub(crate) use device::command::Command;
pub(crate) use device::lines::MAX_LINE;
use device::{command, lines::Lines};

/// Parses a line, including its newline.
pub(crate) fn command(line: &[u8]) -> Option<Command> {
    let mut lines = Lines::new();
    let (_, line) = lines.feed(line);
    command::parse(line?.text.ok()?).ok()?.0
}

/// Whether legs may follow a line.
pub(crate) fn can_continue(line: &str) -> bool {
    command::can_continue(line, &command::parse(line))
}

/// Parses a line that adds a route. Also returns the number of informational words.
///
/// Errors: the sentence of the device.
pub(crate) fn route(line: &str) -> Result<(Route, u32), String> {
    match command::parse(line) {
        Ok((Some(Command::Insert(_, route)), _))
            if matches!(route.next_hop, NextHop::Object(_)) =>
        {
            Err("nhid: the next hop is missing; add via or dev".to_string())
        }
        Ok((Some(Command::Insert(_, route) | Command::InsertNamed(_, route, _)), skipped)) => {
            Ok((route, skipped))
        }
        Ok((Some(Command::InsertLegs(..)), _)) => Err(format!("nexthop: {MULTIPATH}")),
        Ok(_) => Err(format!("{line}: expected a route")),
        Err(refusal) => Err(refusal.to_string()),
    }
}

/// A route that the device has printed.
pub(crate) struct Listed {
    pub(crate) prefix: Prefix,
    pub(crate) metric: u32,
    /// The next hops: those of all legs, or the object's.
    pub(crate) next_hops: Vec<NextHop>,
}

/// Parses a line that the device has printed; `None` if it is no route.
pub(crate) fn listed(line: &str) -> Option<Listed> {
    let (prefix, metric, next_hops) = match command::parse(line).ok()?.0? {
        Command::Insert(_, route) | Command::InsertNamed(_, route, _) => {
            (route.prefix, route.metric, vec![route.next_hop])
        }
        Command::InsertLegs(_, prefix, metric, _) => {
            let legs = command::legs::legs(line);
            (prefix, metric, legs.map(|(next_hop, _)| next_hop).collect())
        }
        _ => return None,
    };
    Some(Listed {
        prefix,
        metric,
        next_hops,
    })
}

/// Whether the device refuses a line because of a bad word, which `ip` itself would refuse. `ip`
/// sends other bad lines to the kernel, which refuses them.
pub(crate) fn is_bad_word(line: &str) -> bool {
    command::parse(line).is_err_and(|refusal| {
        !matches!(
            refusal.reason,
            Reason::HostBits { .. }
                | Reason::MissingNextHop
                | Reason::MissingContents
                | Reason::Unsupported(_)
        )
    })
}

/// Parses a prefix. `default` is 0.0.0.0/0.
///
/// Errors: the device's message.
pub(crate) fn prefix(word: &str) -> Result<Prefix, String> {
    match command::parse(&format!("show {word}")) {
        Ok((Some(Command::Show(Selector::Prefix(prefix))), _)) => Ok(prefix),
        Ok(_) => Err(format!("{word}: expected a prefix")),
        Err(refusal) => Err(refusal.to_string()),
    }
}

/// Parses an argument of `get`.
pub fn address(word: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rcu_table::Mode;

    #[test]
    fn lines_are_parsed_and_rejected_as_in_the_device() {
        let Some(Command::Insert(Mode::Replace, route)) = command(b"replace\t::/0 dev a\n") else {
            panic!("not parsed");
        };
        assert_eq!(route.to_string(), "::/0 dev a");
        let long = format!("::/0{}dev a\n", " ".repeat(MAX_LINE));
        for line in [
            &b"10.0.0.1/8 dev a\n"[..],
            b"::/0 dev a\x0c\n",
            b"\n",
            long.as_bytes(),
        ] {
            assert_eq!(command(line), None, "{line:?}");
        }
    }

    #[test]
    fn an_address_is_a_single_word() {
        assert_eq!(address(b"192.0.2.1"), Some([192, 0, 2, 1].into()));
        for bad in [&b"192.0.2.1 dev"[..], b"192.0.2.1/32", b"", b"\xff"] {
            assert_eq!(address(bad), None, "{bad:?}");
        }
    }
}
