// SPDX-License-Identifier: GPL-2.0

//! The words of `ip route` beyond those that the table stores.
//!
//! The parser skips and counts a word that does not affect forwarding. It refuses a word that does.

use super::{
    refusal::{refuse, Parsed, Reason, Refusal},
    values::{address, any_number},
    words::Words,
};
use crate::rcu_table::Family;

/// The first words of lines that `ip -details` and `ip -statistics` print after a route. Such a line
/// does not affect forwarding.
pub(super) const NOTES: [&str; 2] = ["cache", "nh_info"];

/// The value after an informational word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    None,
    /// A word, such as the name of a protocol.
    Word,
    /// A word, possibly after `lock`.
    Metric,
    /// A number, possibly after `lock`.
    Number,
    Address,
}

/// Returns the value that follows an informational word; `None` for other words.
fn informational(word: &str) -> Option<Value> {
    Some(match word {
        "onlink" | "pervasive" | "linkdown" | "dead" | "offload" | "offload_failed"
        | "rt_offload" | "rt_offload_failed" | "trap" | "rt_trap" | "unresolved" | "notify" => {
            Value::None
        }
        // `features ecn tcp_usec_ts`: the second value of `features`.
        "tcp_usec_ts" => Value::None,
        // `ip` prints `ttl-propogate`, and reads `ttl-propagate`.
        "proto" | "protocol" | "scope" | "pref" | "realm" | "realms" | "ttl-propagate"
        | "ttl-propogate" | "expires" | "error" | "age" | "users" | "used" | "uid" | "mark"
        | "ipid" => Value::Word,
        "features" | "congctl" | "quickack" | "fastopen_no_cookie" | "rtt" | "rttvar"
        | "rto_min" => Value::Metric,
        "src" => Value::Address,
        "mtu" | "advmss" | "hoplimit" | "window" | "cwnd" | "initcwnd" | "initrwnd"
        | "ssthresh" | "reordering" => Value::Number,
        _ => return None,
    })
}

/// The reason why a line cannot start with a leg.
pub(super) const CONTINUES: &str =
    "this line continues a route; a line with its prefix and no next hop must precede it";
/// The reason why a route with legs has no other next hop.
pub(super) const BEFORE_LEGS: &str = "via and dev follow 'nexthop' in a route of several next hops";
/// The reason why a route has no more legs than `MAX_LEGS`.
pub(super) const MANY_LEGS: &str = "a route has at most 256 next hops";
/// The reason why the gateways of a route must not differ in family.
pub(super) const FAMILIES: &str =
    "gateways of two families; use 'via inet ADDRESS' or 'via inet6 ADDRESS'";

/// The first characters of JSON.
pub(super) const JSON_STARTS: [char; 2] = ['[', '{'];
/// The reason why the device does not read `ip -json`.
pub(crate) const JSON: &str = "this is JSON, which 'rcuctl route import' reads";

/// Returns why the table cannot store a route with this word; `None` for other words.
pub(super) fn unsupported(word: &str) -> Option<&'static str> {
    Some(match word {
        "weight" => "a weight follows 'nexthop'",
        "encap" => "encapsulation is not supported",
        "tos" | "dsfield" => "routes by type of service are not supported",
        "from" => "routes by source address are not supported",
        "iif" => "routes by input device are not supported",
        "as" => "translation of the destination is not supported",
        "vrf" => "there is one table; VRFs are not supported",
        "broadcast" | "anycast" | "multicast" | "nat" | "brd" | "xresolve" => {
            "not supported; use unicast, local or a discarding type"
        }
        json if json.starts_with(JSON_STARTS) => JSON,
        _ => return None,
    })
}

/// Returns whether a value of `table` names the only table.
fn is_main_table(value: &str) -> bool {
    matches!(value, "main" | "254" | "0xfe")
}

/// Returns the value of a metric, possibly after `lock`.
fn unlocked<'a>(what: &'static str, words: &mut Words<'a>) -> Parsed<'a, &'a str> {
    match words.expect(what)? {
        "lock" => words.expect(what),
        value => Ok(value),
    }
}

/// Skips an informational word with its value.
pub(super) fn skip<'a>(word: &'a str, words: &mut Words<'a>) -> Parsed<'a, ()> {
    if word == "table" {
        let table = words.expect("name of a table")?;
        if !is_main_table(table) {
            return refuse(table, Reason::Unsupported("there is one table, 'main'"));
        }
    } else if let Some(why) = unsupported(word) {
        return refuse(word, Reason::Unsupported(why));
    } else if NOTES.contains(&word) {
        // `ip -oneline` prints a line about the route behind it.
        words.skip_all();
        return Ok(());
    } else {
        if word == "pref" {
            words.implied = Some(Family::Inet6);
        }
        let unknown = Refusal::new(word, Reason::UnknownWord);
        match informational(word).ok_or(unknown)? {
            Value::None => (),
            Value::Word => drop(words.expect("value")?),
            Value::Address => drop(address(words.expect("address")?, None)?),
            Value::Metric => drop(unlocked("value", words)?),
            Value::Number => {
                let value = unlocked("number", words)?;
                any_number(value).ok_or(Refusal::new(value, Reason::InvalidNumber))?;
            }
        }
    }
    words.skipped += 1;
    Ok(())
}
