// SPDX-License-Identifier: GPL-2.0

//! Parsers of single words: addresses, prefixes, numbers.

use super::refusal::{refuse, Parsed, Reason, Refusal};
use crate::rcu_table::{Family, Prefix, PrefixError};
use core::net::{IpAddr, Ipv4Addr};

/// Parses an address. It must be of `family` unless that is `None`.
pub(super) fn address(word: &str, family: Option<Family>) -> Parsed<'_, IpAddr> {
    let is_expected =
        |&address: &IpAddr| family.unwrap_or(Family::of(address)) == Family::of(address);
    word.parse()
        .ok()
        .filter(is_expected)
        .ok_or(Refusal::new(word, Reason::InvalidAddress(family)))
}

/// Parses a decimal number. A leading zero is invalid: `ip` reads `010` as an octal number.
fn number<T: core::str::FromStr>(word: &str) -> Option<T> {
    // The integer parser accepts a sign; the protocol does not.
    word.parse()
        .ok()
        .filter(|_| word.bytes().all(|byte| byte.is_ascii_digit()))
        .filter(|_| word == "0" || !word.starts_with('0'))
}

/// Parses a decimal or hexadecimal number.
pub(super) fn any_number(word: &str) -> Option<u32> {
    match word.strip_prefix("0x").or(word.strip_prefix("0X")) {
        // The integer parser accepts a sign.
        Some(digits) if !digits.starts_with('+') => u32::from_str_radix(digits, 16).ok(),
        Some(_) => None,
        None => number(word),
    }
}

/// Parses an address, or the first octets of an IPv4 address: the others are zero.
fn network(word: &str) -> Option<IpAddr> {
    if word.contains(':') || word.split('.').count() >= 4 {
        return word.parse().ok();
    }
    let mut octets = [0; 4];
    for (octet, part) in octets.iter_mut().zip(word.split('.')) {
        *octet = number(part)?;
    }
    Some(IpAddr::from(octets))
}

/// Parses a prefix length or, for IPv4, a mask such as `255.0.0.0`.
fn length(word: &str, family: Family) -> Option<u8> {
    if family == Family::Inet6 || !word.contains('.') {
        return number(word);
    }
    let mask = u32::from(word.parse::<Ipv4Addr>().ok()?);
    (mask.leading_ones() == mask.count_ones()).then_some(mask.leading_ones() as u8)
}

/// Parses `ADDRESS/LEN`, a bare address, or `default`, which has the family `implied`, or IPv4.
pub(super) fn prefix(word: &str, implied: Option<Family>) -> Parsed<'_, Prefix> {
    let unspecified = match implied.unwrap_or(Family::Inet) {
        Family::Inet => IpAddr::from([0; 4]),
        Family::Inet6 => IpAddr::from([0; 16]),
    };
    let (address, len) = match word.split_once('/') {
        _ if matches!(word, "default" | "any" | "all") => (unspecified, 0),
        None => {
            let address: IpAddr = word.parse().or(refuse(word, Reason::InvalidPrefix))?;
            (address, Family::of(address).bits())
        }
        Some((address, len)) => {
            let address = network(address).ok_or(Refusal::new(word, Reason::InvalidPrefix))?;
            let family = Family::of(address);
            let invalid = Refusal::new(word, Reason::InvalidLength(family));
            (address, length(len, family).ok_or(invalid)?)
        }
    };
    Prefix::new(address, len).or_else(|error| match error {
        PrefixError::TooLong => refuse(word, Reason::InvalidLength(Family::of(address))),
        PrefixError::HostBits => refuse(word, Reason::HostBits { address, len }),
    })
}
