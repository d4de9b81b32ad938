// SPDX-License-Identifier: GPL-2.0

//! Routes: a prefix, and a gateway that stands for the AS that announces it.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::prefix::Prefix;

/// A route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    pub prefix: Prefix,
    /// The number of the AS.
    pub origin: u32,
}

/// Returns the gateway in 10.0.0.0/8 whose host bits are the low 24 bits of the AS.
fn gateway4(origin: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 | (origin & 0x00ff_ffff))
}

/// Returns the gateway in fd00::/96 whose host bits are the AS.
fn gateway6(origin: u32) -> Ipv6Addr {
    Ipv6Addr::from_bits((0xfd00 << 112) | u128::from(origin))
}

/// Formats the route as the device does.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} via ", self.prefix)?;
        match self.prefix {
            Prefix::V4 { .. } => gateway4(self.origin).fmt(f),
            Prefix::V6 { .. } => gateway6(self.origin).fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(prefix: &str, origin: u32) -> String {
        Route {
            prefix: prefix.parse().expect("a prefix"),
            origin,
        }
        .to_string()
    }

    #[test]
    fn the_gateway_is_made_from_the_as() {
        assert_eq!(line("1.0.0.0/24", 13335), "1.0.0.0/24 via 10.0.52.23");
        assert_eq!(line("1.0.0.0/24", 0), "1.0.0.0/24 via 10.0.0.0");
        assert_eq!(
            line("1.0.0.0/24", 4_200_006_700),
            "1.0.0.0/24 via 10.87.4.44"
        );
        assert_eq!(
            line("2606:4700::/32", 13335),
            "2606:4700::/32 via fd00::3417"
        );
        assert_eq!(line("2606:4700::/32", 0), "2606:4700::/32 via fd00::");
        assert_eq!(
            line("2606:4700::/32", 4_200_006_700),
            "2606:4700::/32 via fd00::fa57:42c"
        );
    }

    #[test]
    fn addresses_have_the_format_of_the_standard_library() {
        assert_eq!(
            line("::ffff:1.2.3.4/128", 1),
            "::ffff:1.2.3.4/128 via fd00::1"
        );
        assert_eq!(line("::1:0:0/96", 1), "::1:0:0/96 via fd00::1");
    }
}
