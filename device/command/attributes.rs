// SPDX-License-Identifier: GPL-2.0

//! The words of `ip route` beyond those that the table stores.
//!
//! The parser skips and counts a word that does not affect forwarding. It refuses a word that does.

/// The value after an informational word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    None,
    /// A word, such as the name of a protocol.
    Word,
    /// A number, possibly after `lock`.
    Number,
    Address,
}

/// Returns the value that follows an informational word; `None` for other words.
pub(super) fn informational(word: &str) -> Option<Value> {
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
pub(super) fn is_main_table(value: &str) -> bool {
    matches!(value, "main" | "254" | "0xfe")
}
