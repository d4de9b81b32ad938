// SPDX-License-Identifier: GPL-2.0

//! Prefixes in the order of a dump.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{bail, Context, Error};

/// A prefix. The order is that of a dump: family, address, length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Prefix {
    V4 { address: Ipv4Addr, length: u8 },
    V6 { address: Ipv6Addr, length: u8 },
}

impl Prefix {
    /// The prefix of `length` bits that covers `address`.
    pub fn new(address: IpAddr, length: u8) -> Result<Self, Error> {
        match address {
            IpAddr::V4(address) if length <= 32 => {
                let address = Ipv4Addr::from_bits(address.to_bits() & !host_mask4(length));
                Ok(Self::V4 { address, length })
            }
            IpAddr::V6(address) if length <= 128 => {
                let address = Ipv6Addr::from_bits(address.to_bits() & !host_mask6(length));
                Ok(Self::V6 { address, length })
            }
            _ => bail!("prefix length {length} is too long for {address}"),
        }
    }

    /// Returns an IPv4 prefix of the same length that covers address `bits`. Returns an IPv6 prefix
    /// unchanged.
    pub fn moved_to(self, bits: u32) -> Self {
        match self {
            Self::V4 { length, .. } => Self::V4 {
                address: Ipv4Addr::from_bits(bits & !host_mask4(length)),
                length,
            },
            Self::V6 { .. } => self,
        }
    }
}

/// The mask of the host bits of an IPv4 prefix.
pub fn host_mask4(length: u8) -> u32 {
    u32::MAX.checked_shr(length.into()).unwrap_or(0)
}

/// The mask of the host bits of an IPv6 prefix.
pub fn host_mask6(length: u8) -> u128 {
    u128::MAX.checked_shr(length.into()).unwrap_or(0)
}

impl std::str::FromStr for Prefix {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (address, length) = text.split_once('/').context("expected ADDRESS/LENGTH")?;
        let address = address
            .parse()
            .with_context(|| format!("address {address:?}"))?;
        Self::new(
            address,
            length
                .parse()
                .with_context(|| format!("length {length:?}"))?,
        )
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4 { address, length } => write!(f, "{address}/{length}"),
            Self::V6 { address, length } => write!(f, "{address}/{length}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().expect("a prefix")
    }

    #[test]
    fn host_bits_are_cleared() {
        assert_eq!(prefix("172.20.0.0/12").to_string(), "172.16.0.0/12");
        assert_eq!(prefix("255.255.255.255/0").to_string(), "0.0.0.0/0");
        assert_eq!(
            prefix("255.255.255.255/32").to_string(),
            "255.255.255.255/32"
        );
        assert_eq!(
            prefix("2001:db8:ffff::/33").to_string(),
            "2001:db8:8000::/33"
        );
        assert_eq!(prefix("ffff::1/0").to_string(), "::/0");
        assert_eq!(prefix("ffff::1/128").to_string(), "ffff::1/128");
    }

    #[test]
    fn prefixes_are_ordered_by_family_address_and_length() {
        let ordered = [
            "0.0.0.0/0",
            "10.0.0.0/8",
            "10.0.0.0/9",
            "10.0.1.0/24",
            "200.0.0.0/8",
            "::/0",
        ];
        let mut shuffled = ordered.map(prefix);
        shuffled.reverse();
        shuffled.sort();
        assert_eq!(shuffled, ordered.map(prefix));
    }

    #[test]
    fn invalid_prefixes_are_refused() {
        for bad in [
            "",
            "10.0.0.0",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "10.0.0.0/x",
            "::/-1",
        ] {
            assert!(bad.parse::<Prefix>().is_err(), "{bad}");
        }
    }
}
