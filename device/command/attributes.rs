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

/// The value after an informational word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    None,
    /// A word, such as the name of a protocol.
    Word,
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
        "proto" | "protocol" | "scope" | "pref" | "features" | "congctl" | "realm" | "realms"
        | "ttl-propagate" | "quickack" | "fastopen_no_cookie" | "expires" | "error" | "age"
        | "users" | "used" | "rtt" | "rttvar" | "rto_min" => Value::Word,
        "src" => Value::Address,
        "mtu" | "advmss" | "hoplimit" | "window" | "cwnd" | "initcwnd" | "initrwnd"
        | "ssthresh" | "reordering" => Value::Number,
        _ => return None,
    })
}

/// The reason why a line cannot start with a leg.
pub(super) const CONTINUES: &str =
    "this line continues the route before it; 'rcuctl route load' joins such lines";
/// The reason why a route with legs has no other next hop.
pub(super) const BEFORE_LEGS: &str = "via and dev follow 'nexthop' in a route of several next hops";
/// The reason why the gateways of a route must not differ in family.
pub(super) const FAMILIES: &str =
    "gateways of two families; use 'via inet ADDRESS' or 'via inet6 ADDRESS'";

/// Returns why the table cannot store a route with this word; `None` for other words.
pub(super) fn unsupported(word: &str) -> Option<&'static str> {
    Some(match word {
        "weight" => "a weight follows 'nexthop'",
        "encap" => "encapsulation is not supported",
        "tos" | "dsfield" => "routes by type of service are not supported",
        "from" => "routes by source address are not supported",
        "as" => "translation of the destination is not supported",
        "vrf" => "there is one table; VRFs are not supported",
        "broadcast" | "anycast" | "multicast" | "nat" => {
            "not supported; use unicast, local or a discarding type"
        }
        _ => return None,
    })
}

/// Returns whether a value of `table` names the only table.
fn is_main_table(value: &str) -> bool {
    matches!(value, "main" | "254" | "0xfe")
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
    } else {
        if word == "pref" {
            words.implied = Some(Family::Inet6);
        }
        let unknown = Refusal::new(word, Reason::UnknownWord);
        match informational(word).ok_or(unknown)? {
            Value::None => (),
            Value::Word => drop(words.expect("value")?),
            Value::Address => drop(address(words.expect("address")?, None)?),
            Value::Number => {
                let mut value = words.expect("number")?;
                if value == "lock" {
                    value = words.expect("number")?;
                }
                any_number(value).ok_or(Refusal::new(value, Reason::InvalidNumber))?;
            }
        }
    }
    words.skipped += 1;
    Ok(())
}
