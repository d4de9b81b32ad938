// SPDX-License-Identifier: GPL-2.0

//! Converts a route from the device's text to the JSON object of `ip -j route`.
//!
//! Differs from iproute2 where scripts would need special cases: `type` is always present, and
//! `dst` always has a prefix length (`0.0.0.0/0`, not `default`).

use serde::Serialize;

use crate::error::{Error, Result};

#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Route<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    dst: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<Via<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dev: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metric: Option<u32>,
}

/// A gateway whose family differs from the prefix's.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Via<'a> {
    family: &'a str,
    host: &'a str,
}

impl<'a> Route<'a> {
    /// Parses `[TYPE] PREFIX [via [FAMILY] ADDR] [dev NAME] [metric N]`.
    pub fn parse(line: &'a str) -> Result<Self> {
        Self::parse_words(line)
            .ok_or_else(|| Error::Protocol(format!("expected a route, found {line:?}")))
    }

    fn parse_words(line: &'a str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let mut dst = words.next()?;
        let mut kind = "unicast";
        if matches!(
            dst,
            "blackhole" | "unreachable" | "prohibit" | "throw" | "local"
        ) {
            kind = dst;
            dst = words.next()?;
        }
        let mut route = Self {
            kind,
            dst,
            gateway: None,
            via: None,
            dev: None,
            metric: None,
        };
        while let Some(word) = words.next() {
            let value = words.next()?;
            match (word, value) {
                ("via", "inet" | "inet6") => {
                    route.via = Some(Via {
                        family: value,
                        host: words.next()?,
                    });
                }
                ("via", _) => route.gateway = Some(value),
                ("dev", _) => route.dev = Some(value),
                ("metric", _) => route.metric = Some(value.parse().ok()?),
                _ => return None,
            }
        }
        Some(route)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(line: &str) -> String {
        serde_json::to_string(&Route::parse(line).expect("a route")).expect("serializable")
    }

    #[test]
    fn objects_have_the_field_names_of_iproute2() {
        assert_eq!(
            json("10.0.0.0/8 via 10.0.0.1 dev eth0 metric 20"),
            r#"{"type":"unicast","dst":"10.0.0.0/8","gateway":"10.0.0.1","dev":"eth0","metric":20}"#
        );
        assert_eq!(
            json("blackhole 192.0.2.0/24 metric 5"),
            r#"{"type":"blackhole","dst":"192.0.2.0/24","metric":5}"#
        );
        assert_eq!(
            json("::/0 dev lo"),
            r#"{"type":"unicast","dst":"::/0","dev":"lo"}"#
        );
    }

    #[test]
    fn a_gateway_of_another_family_becomes_via() {
        assert_eq!(
            json("10.1.0.0/16 via inet6 fe80::1 dev eth1"),
            r#"{"type":"unicast","dst":"10.1.0.0/16","via":{"family":"inet6","host":"fe80::1"},"dev":"eth1"}"#
        );
    }

    #[test]
    fn a_device_may_be_named_like_a_keyword() {
        assert_eq!(
            json("::/0 dev via"),
            r#"{"type":"unicast","dst":"::/0","dev":"via"}"#
        );
    }

    #[test]
    fn an_unknown_or_incomplete_route_is_an_error() {
        for line in [
            "",
            "blackhole",
            "10.0.0.0/8 via",
            "10.0.0.0/8 via inet6",
            "10.0.0.0/8 metric x",
            "10.0.0.0/8 metric 4294967296",
            "10.0.0.0/8 proto bgp",
        ] {
            assert!(
                matches!(Route::parse(line), Err(Error::Protocol(_))),
                "{line:?}"
            );
        }
    }
}
