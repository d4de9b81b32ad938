// SPDX-License-Identifier: GPL-2.0

//! Converts a route from the device's text to the JSON object of `ip -j route`.
//!
//! The short form omits what `ip` omits: the type `unicast`, the protocol `boot`, the scope
//! `global`. The long form has a prefix length in each `dst`, and these three keys in each route.

use serde::Serialize;

use super::text::{abbreviated, is_kind, split_legs};
use crate::error::{Error, Result};

/// The keys in the order of iproute2.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Route<'a> {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    dst: &'a str,
    /// The next-hop object.
    #[serde(skip_serializing_if = "Option::is_none")]
    nhid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<Via<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dev: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefsrc: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metric: Option<u32>,
    flags: Vec<&'a str>,
    /// The preference of an IPv6 route. It distinguishes the `default` of the two families.
    #[serde(skip_serializing_if = "Option::is_none")]
    pref: Option<&'a str>,
    /// The legs of a multipath route.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nexthops: Vec<Leg<'a>>,
}

/// A leg of a multipath route.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Leg<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<Via<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dev: Option<&'a str>,
    weight: u32,
    flags: [(); 0],
}

impl<'a> Leg<'a> {
    /// Parses `via [FAMILY] ADDR dev NAME weight N`.
    fn parse(words: &'a str) -> Option<Self> {
        let mut leg = Self {
            via: None,
            gateway: None,
            dev: None,
            weight: 1,
            flags: [],
        };
        let mut words = words.split_ascii_whitespace();
        while let Some(word) = words.next() {
            let value = words.next()?;
            match (word, value) {
                ("via", "inet" | "inet6") => {
                    let (family, host) = (value, words.next()?);
                    leg.via = Some(Via { family, host });
                }
                ("via", _) => leg.gateway = Some(value),
                ("dev", _) => leg.dev = Some(value),
                ("weight", _) => leg.weight = value.parse().ok()?,
                _ => return None,
            }
        }
        Some(leg)
    }
}

/// A gateway whose family differs from the prefix's.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Via<'a> {
    family: &'a str,
    host: &'a str,
}

impl<'a> Route<'a> {
    /// Parses `[TYPE] PREFIX [nhid N] [via [FAMILY] ADDR] [dev NAME] [metric N]`, and the words
    /// `proto`, `scope`, `src`, `pref` and `onlink`, which a newer device may print.
    pub fn parse(line: &'a str, long: bool) -> Result<Self> {
        let route = Self::parse_words(line)
            .ok_or_else(|| Error::Protocol(format!("expected a route, found {line:?}")))?;
        Ok(match long {
            true => route,
            false => route.shortened(),
        })
    }

    /// Parses the long form.
    fn parse_words(line: &'a str) -> Option<Self> {
        let (head, legs) = split_legs(line);
        let mut words = head.split_ascii_whitespace();
        let mut dst = words.next()?;
        let mut kind = "unicast";
        if is_kind(dst) {
            kind = dst;
            dst = words.next()?;
        }
        let mut route = Self {
            kind: Some(kind),
            dst,
            nhid: None,
            via: None,
            gateway: None,
            dev: None,
            protocol: None,
            scope: None,
            prefsrc: None,
            metric: None,
            flags: Vec::new(),
            pref: dst.contains(':').then_some("medium"),
            nexthops: Vec::new(),
        };
        while let Some(word) = words.next() {
            if word == "onlink" {
                route.flags.push(word);
                continue;
            }
            let value = words.next()?;
            match (word, value) {
                ("via", "inet" | "inet6") => {
                    route.via = Some(Via {
                        family: value,
                        host: words.next()?,
                    });
                }
                ("nhid", _) => route.nhid = Some(value.parse().ok()?),
                ("via", _) => route.gateway = Some(value),
                ("dev", _) => route.dev = Some(value),
                ("proto", _) => route.protocol = Some(value),
                ("scope", _) => route.scope = Some(value),
                ("src", _) => route.prefsrc = Some(value),
                ("pref", _) => route.pref = Some(value),
                ("metric", _) => route.metric = Some(value.parse().ok()?),
                _ => return None,
            }
        }
        route.nexthops = legs.into_iter().map(Leg::parse).collect::<Option<_>>()?;
        // The defaults of `ip route add`.
        route.protocol.get_or_insert("boot");
        let scope = route.default_scope();
        route.scope.get_or_insert(scope);
        Some(route)
    }

    /// The scope that `ip route add` selects. IPv6 has no scopes.
    fn default_scope(&self) -> &'static str {
        // A route of an object has no scope of its own.
        let has_gateway = self.gateway.is_some() || self.via.is_some() || self.nhid.is_some();
        let has_gateway = has_gateway || !self.nexthops.is_empty();
        match self.kind {
            _ if self.dst.contains(':') => "global",
            Some("local") => "host",
            Some("unicast") if !has_gateway => "link",
            _ => "global",
        }
    }

    /// Omits what `ip -j route` omits without `-d`.
    fn shortened(mut self) -> Self {
        self.dst = abbreviated(self.dst);
        self.kind = self.kind.filter(|kind| *kind != "unicast");
        self.protocol = self.protocol.filter(|protocol| *protocol != "boot");
        self.scope = self.scope.filter(|scope| *scope != "global");
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::import::translate;

    fn json(line: &str, long: bool) -> String {
        serde_json::to_string(&Route::parse(line, long).expect("a route")).expect("serializable")
    }

    #[test]
    fn objects_have_the_names_and_values_of_iproute2() {
        for (line, expected) in [
            (
                "0.0.0.0/0 via 10.0.0.1 dev eth0 metric 20",
                r#"{"dst":"default","gateway":"10.0.0.1","dev":"eth0","metric":20,"flags":[]}"#,
            ),
            (
                "10.0.0.1/32 dev eth0",
                r#"{"dst":"10.0.0.1","dev":"eth0","scope":"link","flags":[]}"#,
            ),
            (
                "blackhole 192.0.2.0/24 metric 5",
                r#"{"type":"blackhole","dst":"192.0.2.0/24","metric":5,"flags":[]}"#,
            ),
            (
                "local 192.0.2.1/32 dev lo",
                r#"{"type":"local","dst":"192.0.2.1","dev":"lo","scope":"host","flags":[]}"#,
            ),
            (
                "::/0 dev lo",
                r#"{"dst":"default","dev":"lo","flags":[],"pref":"medium"}"#,
            ),
            (
                "10.1.0.0/16 via inet6 fe80::1 dev eth1",
                r#"{"dst":"10.1.0.0/16","via":{"family":"inet6","host":"fe80::1"},"dev":"eth1","flags":[]}"#,
            ),
            (
                "10.0.0.0/8 via 10.0.0.1 dev a proto bgp src 10.0.0.2 onlink",
                r#"{"dst":"10.0.0.0/8","gateway":"10.0.0.1","dev":"a","protocol":"bgp","prefsrc":"10.0.0.2","flags":["onlink"]}"#,
            ),
        ] {
            assert_eq!(json(line, false), expected);
        }
    }

    #[test]
    fn the_long_form_has_lengths_types_protocols_and_scopes() {
        assert_eq!(
            json("0.0.0.0/0 via 10.0.0.1", true),
            r#"{"type":"unicast","dst":"0.0.0.0/0","gateway":"10.0.0.1","protocol":"boot","scope":"global","flags":[]}"#
        );
        assert_eq!(
            json("10.0.0.1/32 dev a", true),
            r#"{"type":"unicast","dst":"10.0.0.1/32","dev":"a","protocol":"boot","scope":"link","flags":[]}"#
        );
    }

    #[test]
    fn import_reads_the_same_routes_from_both_forms() {
        let lines = [
            "0.0.0.0/0 dev a",
            "10.0.0.1/32 via inet6 fe80::1 dev a metric 7",
            "::/0 dev a",
            "blackhole ::/0 metric 9",
            "local fd00::1/128 dev lo",
            "throw 10.0.0.0/8",
        ];
        for long in [false, true] {
            let objects = lines.map(|line| json(line, long));
            let import = translate(&format!("[{}]", objects.join(",")));
            let routes = import.routes.iter().map(|(_, route)| route.to_string());
            assert_eq!(routes.collect::<Vec<_>>(), lines, "{:?}", import.refused);
        }
    }

    #[test]
    fn a_device_may_be_named_like_a_keyword() {
        let route = Route::parse("::/0 dev via", true).expect("a route");
        assert_eq!((route.dev, route.gateway), (Some("via"), None));
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
            "10.0.0.0/8 frobnicate x",
        ] {
            assert!(
                matches!(Route::parse(line, false), Err(Error::Protocol(_))),
                "{line:?}"
            );
        }
    }
}
