// SPDX-License-Identifier: GPL-2.0

//! Checks addresses and numbers of the command line. As with `ip`, a bad one is a usage error with
//! exit status 1. The device would refuse it with status 2.

use std::net::IpAddr;

use crate::cli::Family;
use crate::error::{Error, Result};

/// Parses an address, of `family` unless that is `None`. A host's prefix length is accepted.
pub fn address(word: &str, family: Option<Family>) -> Result<IpAddr> {
    let parsed = word.parse::<IpAddr>().ok().or_else(|| {
        let (address, length) = word.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let host = if address.is_ipv4() { "32" } else { "128" };
        (length == host).then_some(address)
    });
    match parsed {
        Some(address) if family.is_none_or(|family| family.has(address)) => Ok(address),
        _ => Err(Error::Usage(no_address(word, family))),
    }
}

/// The error for a word that is no address.
fn no_address(word: &str, family: Option<Family>) -> String {
    let expected = match family {
        None => "an IPv4 or IPv6 address",
        Some(Family::Inet) => "an IPv4 address",
        Some(Family::Inet6) => "an IPv6 address",
    };
    let hint = if word.contains('/') {
        format!("; `rcuctl route show match {word}` prints the routes that cover a prefix")
    } else if let Some((address, zone)) = word.split_once('%') {
        format!("; the table has no zones: use {address}, and `dev {zone}` for a gateway")
    } else {
        String::new()
    };
    format!("{word:?} is no address: expected {expected}{hint}")
}

/// Parses a metric: decimal or, with `0x`, hexadecimal.
pub fn metric(word: &str) -> Result<u32> {
    let number = match word.strip_prefix("0x").or(word.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => word.parse(),
    };
    // The integer parser accepts a sign; the device does not.
    let number = number.ok().filter(|_| !word.contains('+'));
    number.ok_or_else(|| {
        Error::Usage(format!(
            "metric {word:?} is no number: expected 0 to 4294967295"
        ))
    })
}

/// Checks the addresses and numbers of a route. The device checks all other words.
pub fn check_route(words: &[String]) -> Result<()> {
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            // A device may have the name of a keyword.
            "dev" | "oif" => drop(words.next()),
            "via" => {
                let mut gateway = words.next();
                let family = match gateway {
                    Some("inet") => Some(Family::Inet),
                    Some("inet6") => Some(Family::Inet6),
                    _ => None,
                };
                if family.is_some() {
                    gateway = words.next();
                }
                gateway.map_or(Ok(()), |word| address(word, family).map(drop))?;
            }
            "metric" | "priority" | "preference" => {
                words.next().map_or(Ok(()), |word| metric(word).map(drop))?;
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;

    fn message(error: &Error) -> String {
        assert_eq!(error.status(), Status::Failed);
        error.to_string()
    }

    #[test]
    fn a_word_that_is_no_address_is_named_with_what_was_expected() {
        for (word, family, expected) in [
            (
                "300.1.1.1",
                None,
                "\"300.1.1.1\" is no address: expected an IPv4 or IPv6 address",
            ),
            (
                "10.1.1.0/24",
                None,
                "\"10.1.1.0/24\" is no address: expected an IPv4 or IPv6 address; `rcuctl route \
                 show match 10.1.1.0/24` prints the routes that cover a prefix",
            ),
            (
                "fe80::1%eth0",
                None,
                "\"fe80::1%eth0\" is no address: expected an IPv4 or IPv6 address; the table has \
                 no zones: use fe80::1, and `dev eth0` for a gateway",
            ),
            (
                "::1",
                Some(Family::Inet),
                "\"::1\" is no address: expected an IPv4 address",
            ),
        ] {
            let error = address(word, family).expect_err("no address");
            assert_eq!(message(&error), expected);
        }
    }

    #[test]
    fn a_host_may_have_its_prefix_length() {
        for word in ["10.0.0.1", "10.0.0.1/32", "::1", "::1/128"] {
            assert!(address(word, None).is_ok(), "{word}");
        }
        for word in ["10.0.0.1/128", "::1/32", "10.0.0.1/"] {
            assert!(address(word, None).is_err(), "{word}");
        }
    }

    fn check(words: &str) -> Result<()> {
        let words: Vec<_> = words.split(' ').map(str::to_string).collect();
        check_route(&words)
    }

    #[test]
    fn a_bad_gateway_or_metric_is_named() {
        for (words, expected) in [
            (
                "default via fe80::21bc6 dev a",
                "\"fe80::21bc6\" is no address",
            ),
            ("10.0.0.0/8 via inet6 10.0.0.1", "expected an IPv6 address"),
            (
                "default dev a metric -1",
                "metric \"-1\" is no number: expected 0 to 4294967295",
            ),
            ("default dev a metric +1", "metric \"+1\" is no number"),
            ("default dev a priority 4294967296", "is no number"),
        ] {
            let error = message(&check(words).expect_err("a bad word"));
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn the_device_checks_all_other_words() {
        for words in [
            "default via 10.0.0.1 dev via metric 0xff",
            "10.0.0.0/8 dev metric via inet6 fe80::1",
            "10.0.0.0/99 frobnicate",
            "default via",
            "default via inet6",
            "default metric",
        ] {
            assert!(check(words).is_ok(), "{words}");
        }
    }
}
