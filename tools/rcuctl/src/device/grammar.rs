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

use crate::rcu_table::{NextHop, Prefix, Selector};
use crate::route::full::FullRoute;

use device::command::attributes::JSON;
use device::command::object::ObjectCommand;
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
    command::continuation::can_continue(line, &command::parse(line))
}

/// Whether a line starts with a leg of the route before it.
pub(crate) fn is_leg(line: &str) -> bool {
    command::legs::is_leg(line)
}

/// Whether a line only describes the route before it.
pub(crate) fn is_note(line: &str) -> bool {
    command::continuation::is_note(line)
}

/// Parses a line that adds a route. Also returns the number of informational words.
///
/// Errors: the sentence of the device.
pub(crate) fn route(line: &str) -> Result<(FullRoute, u32), String> {
    let (command, skipped) = command::parse(line).map_err(|refusal| refusal.to_string())?;
    let is_insert = matches!(
        command,
        Some(Command::Insert(..) | Command::InsertNamed(..) | Command::InsertLegs(..))
    );
    let route = command
        .filter(|_| is_insert)
        .and_then(|command| full(&command, line));
    route
        .map(|route| (route, skipped))
        .ok_or(format!("{line}: expected a route"))
}

/// Returns the route of a command that adds one. `line` is its text.
fn full(command: &Command, line: &str) -> Option<FullRoute> {
    match *command {
        Command::Insert(_, route) => Some(route.into()),
        Command::InsertNamed(_, route, object) => Some(FullRoute {
            object: Some(object),
            ..route.into()
        }),
        Command::InsertLegs(_, prefix, metric, object) => Some(FullRoute {
            prefix,
            metric,
            object,
            legs: command::legs::legs(line).collect(),
        }),
        _ => None,
    }
}

/// Parses a line that the device has printed; `None` if it is no route.
pub(crate) fn listed(line: &str) -> Option<FullRoute> {
    full(&command::parse(line).ok()?.0?, line)
}

/// An object that the device has printed: its number, and its next hops or its members.
pub(crate) enum Object {
    Single(u32, NextHop),
    Group(u32, Vec<(u32, u16)>),
}

/// Parses a line of the whole table with an object; `None` if it has none.
pub(crate) fn object(line: &str) -> Option<Object> {
    match command::parse(line).ok()?.0? {
        Command::Object(ObjectCommand::Set { id, next_hop, .. }) => Some(match next_hop {
            Some(next_hop) => Object::Single(id, next_hop),
            None => Object::Group(id, command::object::members(line).collect()),
        }),
        _ => None,
    }
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
        ) || refusal.reason == Reason::Unsupported(JSON)
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
