// SPDX-License-Identifier: GPL-2.0

//! The routes that `route show` prints and `route flush` deletes, in the words of `ip route show`.

use std::net::IpAddr;

use super::full::FullRoute;
use super::text::is_kind;
use super::words;
use crate::cli::Family;
use crate::device::grammar;
use crate::error::{Error, Result};
use crate::rcu_table::{self, NextHop, Prefix};

/// Selects routes. Each part that is present must match.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Selector {
    family: Option<Family>,
    /// The prefix of the route.
    exact: Option<Prefix>,
    /// A prefix that covers the route's prefix.
    root: Option<Prefix>,
    /// A prefix that the route's prefix covers.
    covered: Option<Prefix>,
    dev: Option<String>,
    via: Option<IpAddr>,
    kind: Option<String>,
    metric: Option<u32>,
}

impl Selector {
    /// Parses words.
    ///
    /// Errors: an unknown word, or a word that is no prefix, address or number.
    pub fn parse(words: &[String], family: Option<Family>) -> Result<Self> {
        let mut this = Self {
            family,
            ..Self::default()
        };
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            let mut value = || {
                words
                    .next()
                    .ok_or_else(|| Error::Usage(format!("{word}: value missing")))
            };
            match word {
                "inet" => this.family = Some(Family::Inet),
                "inet6" => this.family = Some(Family::Inet6),
                "to" => this.set_to(value()?, &mut words)?,
                "root" => this.root = Some(prefix(value()?, this.family)?),
                "match" => this.covered = Some(prefix(value()?, this.family)?),
                "exact" => this.exact = Some(prefix(value()?, this.family)?),
                "dev" | "oif" => this.dev = Some(value()?.to_string()),
                "via" => this.via = Some(words::address(value()?, this.family)?),
                "type" => this.kind = Some(kind(value()?)?),
                "metric" | "priority" | "preference" => {
                    this.metric = Some(words::metric(value()?)?);
                }
                "table" => main_table(value()?)?,
                // Unlike `default`, these words select each prefix.
                "any" | "all" => {}
                _ if is_not_stored(word) => return Err(not_stored(word)),
                _ => this.exact = Some(prefix(word, this.family)?),
            }
        }
        Ok(this)
    }

    /// Parses the words after `to`.
    fn set_to<'a>(
        &mut self,
        word: &'a str,
        words: &mut impl Iterator<Item = &'a str>,
    ) -> Result<()> {
        let part = match word {
            "root" => &mut self.root,
            "match" => &mut self.covered,
            "exact" => &mut self.exact,
            _ => {
                self.exact = Some(prefix(word, self.family)?);
                return Ok(());
            }
        };
        let missing = || Error::Usage(format!("to {word}: prefix missing"));
        *part = Some(prefix(words.next().ok_or_else(missing)?, self.family)?);
        Ok(())
    }

    /// The arguments of the device's `show` that select the fewest routes; `None` for all routes.
    pub fn query(&self) -> Option<String> {
        let prefixes = [&self.exact, &self.root, &self.covered];
        let family = prefixes.into_iter().flatten().next().map(Prefix::family);
        match (self.exact, family, self.family) {
            (Some(prefix), ..) => Some(prefix.to_string()),
            (None, Some(rcu_table::Family::Inet), _) => Some(Family::Inet.to_string()),
            (None, Some(rcu_table::Family::Inet6), _) => Some(Family::Inet6.to_string()),
            (None, None, family) => Some(family?.to_string()),
        }
    }

    /// Whether the answer to [`Self::query`] may have routes that are not selected.
    pub fn is_finer_than_query(&self) -> bool {
        let query = Self {
            family: self.family,
            exact: self.exact,
            ..Self::default()
        };
        *self != query || self.exact.is_some() && self.family.is_some()
    }

    /// Whether all routes of one family, or of both, are selected.
    pub fn selects_families(&self) -> bool {
        let families = Self {
            family: self.family,
            ..Self::default()
        };
        *self == families
    }

    /// Whether a route in the device's format is selected.
    ///
    /// Errors: the line is no route.
    pub fn selects(&self, line: &str) -> Result<bool> {
        let route = grammar::listed(line)
            .ok_or_else(|| Error::Protocol(format!("expected a route, found {line:?}")))?;
        let mut next_hops = route.next_hops();
        Ok(self.has_prefix(&route) && next_hops.any(|next_hop| self.has_next_hop(&next_hop, line)))
    }

    fn has_prefix(&self, route: &FullRoute) -> bool {
        let prefix = &route.prefix;
        let address = prefix.address();
        self.family.is_none_or(|family| family.has(address))
            && self.exact.is_none_or(|exact| exact == *prefix)
            && self.root.is_none_or(|root| covers(&root, prefix))
            && self.covered.is_none_or(|covered| covers(prefix, &covered))
            && self.metric.is_none_or(|metric| metric == route.metric)
    }

    fn has_next_hop(&self, next_hop: &NextHop, line: &str) -> bool {
        let (via, dev) = match next_hop {
            NextHop::Via(gateway, dev) => (Some(*gateway), *dev),
            NextHop::Dev(dev) => (None, Some(*dev)),
            NextHop::Local(dev) => (None, *dev),
            _ => (None, None),
        };
        let first = line.split(' ').next().filter(|word| is_kind(word));
        self.via.is_none_or(|expected| via == Some(expected))
            && self
                .dev
                .as_ref()
                .is_none_or(|expected| dev.is_some_and(|dev| dev.as_str() == expected))
            && self
                .kind
                .as_ref()
                .is_none_or(|kind| first.unwrap_or("unicast") == kind)
    }
}

fn covers(outer: &Prefix, inner: &Prefix) -> bool {
    outer.len() <= inner.len() && outer.covers(inner.address())
}

fn prefix(word: &str, family: Option<Family>) -> Result<Prefix> {
    let prefix = grammar::prefix(word).map_err(|message| {
        Error::Usage(format!(
            "{message}; expected a selector such as PREFIX, root PREFIX, match PREFIX, dev NAME, \
             via ADDRESS, type TYPE or metric N"
        ))
    })?;
    Ok(match family {
        Some(Family::Inet6) if is_any(word) => Prefix::network(IpAddr::from([0; 16]), 0),
        _ => prefix,
    })
}

/// Whether a word of `ip route show` selects by a value that the table does not store.
fn is_not_stored(word: &str) -> bool {
    matches!(
        word,
        "proto"
            | "protocol"
            | "scope"
            | "src"
            | "from"
            | "tos"
            | "dsfield"
            | "realm"
            | "realms"
            | "vrf"
            | "nhid"
            | "cache"
            | "cached"
            | "cloned"
    )
}

fn not_stored(word: &str) -> Error {
    Error::Usage(format!(
        "{word}: the table does not store this value; use a prefix, dev, via, type or metric"
    ))
}

fn is_any(word: &str) -> bool {
    matches!(word, "default" | "any" | "all")
}

fn kind(word: &str) -> Result<String> {
    if word == "unicast" || is_kind(word) {
        return Ok(word.to_string());
    }
    Err(Error::Usage(format!(
        "type {word:?}: expected unicast, local, blackhole, unreachable, prohibit or throw"
    )))
}

fn main_table(word: &str) -> Result<()> {
    if matches!(word, "main" | "254" | "all") {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "table {word:?}: there is one table, main"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(words: &str) -> Selector {
        parse(words).unwrap_or_else(|error| panic!("{words}: {error}"))
    }

    fn parse(words: &str) -> Result<Selector> {
        let words: Vec<_> = words.split_whitespace().map(str::to_string).collect();
        Selector::parse(&words, None)
    }

    const TABLE: [&str; 11] = [
        "0.0.0.0/0 via 10.0.0.1 dev a",
        "10.0.0.0/8 dev a",
        "10.1.0.0/16 dev b metric 7",
        "10.1.2.3/32 via 10.0.0.1 dev b",
        "blackhole 192.0.2.0/24",
        "local 192.0.2.1/32 dev lo",
        "::/0 dev a",
        "fd00::/8 via fe80::1 dev b",
        "172.16.0.0/12 nhid 5 via 10.0.0.1 dev c",
        "172.17.0.0/16 nhid 10",
        "172.18.0.0/16 metric 8 nexthop via 10.0.0.1 dev c weight 1 nexthop dev d weight 2",
    ];

    #[test]
    fn words_select_the_routes_that_ip_would_print() {
        for (words, expected) in [
            ("", &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10][..]),
            ("dev c", &[8, 10]),
            ("dev d", &[10]),
            ("metric 8", &[10]),
            ("dev a", &[0, 1, 6]),
            ("dev lo", &[5]),
            ("inet6 dev a", &[6]),
            ("via 10.0.0.1", &[0, 3, 8, 10]),
            ("via fe80::1", &[7]),
            ("default", &[0]),
            ("any", &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
            ("10.0.0.0/8", &[1]),
            ("10/8", &[1]),
            ("exact 10.0.0.0/8", &[1]),
            ("to 10.1.2.3", &[3]),
            ("to exact 10.1.0.0/16", &[2]),
            ("root 10.0.0.0/8", &[1, 2, 3]),
            ("to root 10.1.0.0/16", &[2, 3]),
            ("match 10.1.2.3", &[0, 1, 2, 3]),
            ("to match 10.1.0.0/16", &[0, 1, 2]),
            ("root 10.0.0.0/8 match 10.1.0.0/16", &[1, 2]),
            ("match fd00::1", &[6, 7]),
            ("type blackhole", &[4]),
            ("type unicast dev b", &[2, 3, 7]),
            ("metric 7", &[2]),
            ("table main metric 0x7", &[2]),
        ] {
            let selector = selector(words);
            let selected = |index: &usize| selector.selects(TABLE[*index]).expect("a route");
            let found: Vec<_> = (0..TABLE.len()).filter(selected).collect();
            assert_eq!(found, expected, "{words}");
        }
    }

    #[test]
    fn the_device_selects_families_and_exact_prefixes() {
        for (words, query, is_finer) in [
            ("", None, false),
            ("inet6", Some("inet6"), false),
            ("10/8", Some("10.0.0.0/8"), false),
            ("dev a", None, true),
            ("10/8 dev a", Some("10.0.0.0/8"), true),
            ("root fd00::/8", Some("inet6"), true),
            ("match 10.0.0.1", Some("inet"), true),
            ("inet6 10.0.0.0/8", Some("10.0.0.0/8"), true),
        ] {
            let selector = selector(words);
            let found = (selector.query(), selector.is_finer_than_query());
            assert_eq!(found, (query.map(str::to_string), is_finer), "{words}");
        }
    }

    #[test]
    fn default_has_the_family_of_the_options() {
        let words = ["default".to_string()];
        let selector = Selector::parse(&words, Some(Family::Inet6)).expect("a prefix");
        assert_eq!(selector.query().as_deref(), Some("::/0"));
    }

    #[test]
    fn bad_words_are_named() {
        for (words, expected) in [
            ("frobnicate", "frobnicate: not an IPv4 or IPv6 prefix"),
            ("10.0.0.1/8", "host bits set; use 10.0.0.0/8"),
            ("proto static", "proto: the table does not store this value"),
            ("dev", "dev: value missing"),
            ("to root", "to root: prefix missing"),
            ("via 300.1.1.1", "\"300.1.1.1\" is no address"),
            ("type nat", "type \"nat\": expected unicast"),
            ("metric -1", "metric \"-1\" is no number"),
            ("table 7", "table \"7\": there is one table, main"),
        ] {
            let error = parse(words).expect_err(words).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
