// SPDX-License-Identifier: GPL-2.0

//! What a line means: the device's own parser, in the module's sources (by path), so that
//! what goes by ioctl means what it would as text.
//!
//! A line that is no command is none here, without a reason: it is sent as text then, and the device
//! says why in its own words, or understands it, being newer than this program.

#[path = "../../../../device"]
mod device {
    #[expect(
        dead_code,
        reason = "the device says what is wrong, and answers `help`"
    )]
    pub(super) mod command;
    #[expect(dead_code, reason = "here a line is never split")]
    pub(super) mod lines;
}

use std::net::IpAddr;

pub(crate) use device::command::Command;
use device::{command, lines::Lines};

/// The command that the device would see in a line, which comes with its newline.
pub(crate) fn command(line: &[u8]) -> Option<Command> {
    let mut lines = Lines::new();
    let (_, line) = lines.feed(line);
    command::parse(line?.text.ok()?).ok()?
}

/// The address that `get` with this word would ask for.
pub fn address(word: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rcu_table::Mode;

    #[test]
    fn a_line_is_what_the_device_takes_it_for() {
        let Some(Command::Insert(Mode::Replace, route)) = command(b"replace\t::/0 dev a\n") else {
            panic!("not understood");
        };
        assert_eq!(route.to_string(), "::/0 dev a");
        let long = format!("::/0{}dev a\n", " ".repeat(super::device::lines::MAX_LINE));
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
    fn an_address_is_one_word() {
        assert_eq!(address(b"192.0.2.1"), Some([192, 0, 2, 1].into()));
        for bad in [&b"192.0.2.1 dev"[..], b"192.0.2.1/32", b"", b"\xff"] {
            assert_eq!(address(bad), None, "{bad:?}");
        }
    }
}
