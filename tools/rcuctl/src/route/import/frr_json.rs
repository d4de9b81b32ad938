// SPDX-License-Identifier: GPL-2.0

//! The documents of FRR: `show ip route json` and `show bgp ipv4 unicast json`.

use std::net::IpAddr;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{next_hop_words, Found, ENCAPSULATION, MULTIPATH, ONE_TABLE};

/// The label by which a router asks its neighbour to remove the label of a packet.
const IMPLICIT_NULL: u64 = 3;
const MAIN_TABLE: u64 = 254;

/// A route of zebra, or a path of bgpd.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Route {
    protocol: String,
    selected: bool,
    bestpath: bool,
    multipath: bool,
    table: u64,
    metric: u64,
    vrf_name: String,
    nexthops: Vec<NextHop>,
}

impl Default for Route {
    fn default() -> Self {
        Self {
            protocol: String::new(),
            selected: false,
            bestpath: false,
            multipath: false,
            table: MAIN_TABLE,
            metric: 0,
            vrf_name: "default".to_string(),
            nexthops: Vec::new(),
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct NextHop {
    fib: bool,
    used: bool,
    ip: Option<IpAddr>,
    interface_name: Option<String>,
    vrf: Option<String>,
    labels: Vec<u64>,
    seg6: Option<Value>,
    seg6local: Option<Value>,
    unreachable: bool,
    blackhole: bool,
    #[serde(rename = "admin-prohibited")]
    admin_prohibited: bool,
}

impl NextHop {
    /// Returns the type of a route that discards packets; `None` if the next hop forwards them.
    fn discards(&self) -> Option<&'static str> {
        match self {
            _ if self.blackhole => Some("blackhole"),
            _ if self.admin_prohibited => Some("prohibit"),
            _ if self.unreachable => Some("unreachable"),
            _ => None,
        }
    }

    /// Returns the words of a route to `destination`. Errors: why the table cannot store it.
    fn words(&self, destination: &str, vrf: &str) -> Result<String, String> {
        if let Some(kind) = self.discards() {
            return Ok(format!("{kind} {destination}"));
        }
        let has_label = self.labels.iter().any(|&label| label != IMPLICIT_NULL);
        if has_label || self.seg6.is_some() || self.seg6local.is_some() {
            return Err(format!("{destination}: {ENCAPSULATION}"));
        }
        if let Some(other) = self.vrf.as_deref().filter(|name| *name != vrf) {
            return Err(format!("{other}: {ONE_TABLE}"));
        }
        let words = next_hop_words(self.ip, self.interface_name.as_deref());
        match words.is_empty() {
            true => Err(format!("{destination}: next hop missing")),
            false => Ok(format!("{destination}{words}")),
        }
    }
}

/// Finds the routes in the kernel, or the best paths of bgpd. The line of a destination is its
/// position among the sorted keys of the document.
pub fn find(text: &str) -> Found {
    let mut found = Found::default();
    let document: Map<String, Value> = match serde_json::from_str(text) {
        Ok(document) => document,
        Err(error) => {
            found.refuse(error.line() as u64, error.to_string());
            return found;
        }
    };
    let is_bgp = document.contains_key("routerId") || document.contains_key("tableVersion");
    let destinations = match document.get("routes") {
        Some(Value::Object(routes)) if is_bgp => routes,
        _ => &document,
    };
    for ((destination, value), number) in destinations.iter().zip(1..) {
        match value {
            // `show ip route vrf all json`: the default VRF has a table of its own.
            Value::Object(table) if !is_bgp && destination == "default" => {
                for (destination, value) in table {
                    read(destination, value, number, &mut found);
                }
            }
            _ => read(destination, value, number, &mut found),
        }
    }
    found
}

fn read(destination: &str, value: &Value, number: u64, found: &mut Found) {
    let routes = match Vec::<Route>::deserialize(value) {
        Ok(routes) => routes,
        Err(error) => {
            found.refuse(
                number,
                format!("{destination}: expected a list of routes: {error}"),
            );
            return;
        }
    };
    let is_multipath = routes.iter().filter(|route| route.multipath).count() > 1;
    for route in &routes {
        let hops: Vec<&NextHop> = match route.bestpath {
            true => route.nexthops.iter().filter(|hop| hop.used).collect(),
            false if route.selected => route.nexthops.iter().filter(|hop| hop.fib).collect(),
            false => Vec::new(),
        };
        // A network with an unspecified next hop originates at this router.
        let is_own = |hop: &NextHop| hop.ip.is_some_and(|ip| ip.is_unspecified());
        match hops[..] {
            [] => found.inactive += 1,
            [hop] if route.bestpath && is_own(hop) => found.inactive += 1,
            _ if route.vrf_name != "default" => {
                found.refuse(number, format!("{}: {ONE_TABLE}", route.vrf_name));
            }
            _ if route.table != MAIN_TABLE => {
                found.refuse(number, format!("{}: {ONE_TABLE}", route.table));
            }
            [_] if is_multipath => found.refuse(number, format!("{destination}: {MULTIPATH}")),
            [hop] => match hop.words(destination, &route.vrf_name) {
                Ok(words) => found.push(number, with_metric(words, route)),
                Err(message) => found.refuse(number, message),
            },
            _ => found.refuse(number, format!("{destination}: {MULTIPATH}")),
        }
    }
}

/// Adds the metric of a kernel route: for other protocols, FRR sets metrics of its own.
fn with_metric(words: String, route: &Route) -> String {
    match route.protocol.as_str() {
        "kernel" if route.metric > 0 => format!("{words} metric {}", route.metric),
        "local" => format!("local {words}"),
        _ => words,
    }
}
