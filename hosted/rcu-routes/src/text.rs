// SPDX-License-Identifier: GPL-2.0

//! Prefixes, routes and changes from text, in the syntax of the device: iproute2's.

use crate::{
    device::command::{self, Command},
    rcu_table::{Operation, Prefix, Route, Selector},
};
use core::{fmt, str::FromStr};

/// The reason why a text is not a prefix, a route or a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError(String);

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ParseError {}

fn parse(line: &str, text: &str, expected: &str) -> Result<Command, ParseError> {
    match command::parse(line) {
        Ok((Some(command), _)) => Ok(command),
        Ok((None, _)) => Err(unexpected(text, expected)),
        Err(refusal) => Err(ParseError(refusal.to_string())),
    }
}

fn unexpected(text: &str, expected: &str) -> ParseError {
    ParseError(format!("'{text}': expected {expected}"))
}

/// Parses `ADDRESS/LENGTH`; `default` is the prefix of all IPv4 addresses.
impl FromStr for Prefix {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        const EXPECTED: &str = "a prefix such as 10.0.0.0/8";
        match parse(&format!("show {text}"), text, EXPECTED)? {
            Command::Show(Selector::Prefix(prefix)) => Ok(prefix),
            _ => Err(unexpected(text, EXPECTED)),
        }
    }
}

/// Parses a route such as `10.0.0.0/8 via 192.0.2.1 dev eth0 metric 100` or `blackhole default`.
impl FromStr for Route {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        const EXPECTED: &str = "a route with one next hop, such as 10.0.0.0/8 via 192.0.2.1";
        match parse(&format!("add {text}"), text, EXPECTED)? {
            Command::Insert(_, route) => Ok(route),
            _ => Err(unexpected(text, EXPECTED)),
        }
    }
}

/// Parses a change: `[add|change|replace] ROUTE`, `del PREFIX [metric N] [NEXT HOP]` or
/// `flush [inet|inet6]`.
impl FromStr for Operation {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        const EXPECTED: &str = "a change such as add ROUTE, del PREFIX or flush";
        match parse(text, text, EXPECTED)? {
            Command::Insert(mode, route) => Ok(Operation::Insert(route, mode)),
            Command::Delete(prefix, metric, next_hop) => {
                Ok(Operation::Remove(prefix, metric, next_hop))
            }
            Command::Flush(family) => Ok(Operation::Flush(family)),
            _ => Err(unexpected(text, EXPECTED)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rcu_table::{Mode, NextHop};

    #[test]
    fn a_prefix_parses() {
        assert_eq!(
            "10.0.0.0/8".parse(),
            Ok(Prefix::new([10, 0, 0, 0].into(), 8).unwrap())
        );
        for text in [
            "",
            "inet",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "10.0.0.0/8 10.0.0.0/9",
        ] {
            text.parse::<Prefix>().expect_err(text);
        }
    }

    #[test]
    fn a_route_parses() {
        let route: Route = "10.0.0.0/8 via 192.0.2.1 metric 7".parse().unwrap();
        let gateway = NextHop::Via([192, 0, 2, 1].into(), None);
        assert_eq!((route.metric, route.next_hop), (7, gateway));
        for text in ["", "10.0.0.0/8", "10.0.0.0/8 nexthop dev a nexthop dev b"] {
            text.parse::<Route>().expect_err(text);
        }
    }

    #[test]
    fn a_change_parses() {
        let route: Route = "default dev a".parse().unwrap();
        let replace = Ok(Operation::Insert(route, Mode::Replace));
        assert_eq!("replace default dev a".parse(), replace);
        assert_eq!("flush".parse(), Ok(Operation::Flush(None)));
        let removal = Operation::Remove(route.prefix, None, None);
        assert_eq!("del default".parse(), Ok(removal));
        for text in ["", "# comment", "get 10.0.0.1", "commit"] {
            text.parse::<Operation>().expect_err(text);
        }
    }

    #[test]
    fn an_error_names_the_word_and_the_remedy() {
        let error = "10.0.0.1/8 dev a".parse::<Route>().unwrap_err().to_string();
        assert!(error.contains("10.0.0.0/8"), "{error}");
    }
}
