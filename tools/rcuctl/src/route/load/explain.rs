// SPDX-License-Identifier: GPL-2.0

//! Explains the errno of a failed commit ioctl in the device's words, which only the text protocol
//! returns.

use nix::errno::Errno;

use crate::device::grammar::{self, Command};

/// Returns the message for a line that failed with `errno`.
pub fn explain(line: &[u8], errno: Errno) -> String {
    let subject = match grammar::command(line) {
        Some(Command::Insert(_, route) | Command::InsertNamed(_, route, _)) => {
            route.prefix.to_string()
        }
        Some(Command::InsertLegs(_, prefix, ..) | Command::DeleteLegs(prefix, ..)) => {
            prefix.to_string()
        }
        Some(Command::Delete(prefix, ..) | Command::DeleteNamed(prefix, ..)) => prefix.to_string(),
        _ => String::from_utf8_lossy(line.trim_ascii()).into_owned(),
    };
    format!("{subject}: {}", reason(errno))
}

fn reason(errno: Errno) -> &'static str {
    match errno {
        Errno::EEXIST => "route exists",
        Errno::ENOENT => "no such route to change",
        Errno::ESRCH => "no such route",
        Errno::ENOMEM => "out of memory",
        Errno::EINVAL => "Nexthop id does not exist",
        Errno::ENOSPC => {
            "table full: max_routes reached, or too many next hops or metrics of a prefix"
        }
        errno => errno.desc(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_equal_those_in_the_device_sources() {
        let device = include_str!("../../../../../device/line_error.rs");
        for errno in [
            Errno::EEXIST,
            Errno::ENOENT,
            Errno::ESRCH,
            Errno::ENOMEM,
            Errno::EINVAL,
            Errno::ENOSPC,
        ] {
            let words = device
                .split(&format!("error == {errno:?} =>"))
                .nth(1)
                .and_then(|behind| behind.split('"').nth(1));
            assert_eq!(words, Some(reason(errno)), "{errno:?}");
        }
        assert_eq!(
            explain(b"add ::/0 dev a\n", Errno::EEXIST),
            "::/0: route exists"
        );
        assert_eq!(explain(b"del ::/0\n", Errno::ESRCH), "::/0: no such route");
        assert_eq!(explain(b"flush\n", Errno::ENOMEM), "flush: out of memory");
        assert_eq!(explain(b"flush\n", Errno::EIO), "flush: I/O error");
    }
}
