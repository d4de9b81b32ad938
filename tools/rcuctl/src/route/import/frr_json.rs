// SPDX-License-Identifier: GPL-2.0

//! The documents of FRR: `show ip route json` and `show bgp ipv4 unicast json`.

use std::net::IpAddr;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::words;
use super::{Found, ENCAPSULATION, ONE_TABLE};

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
    #[serde(deserialize_with = "not_null")]
    ip: Option<IpAddr>,
    #[serde(deserialize_with = "not_null")]
    interface_name: Option<String>,
    vrf: Option<String>,
    labels: Vec<u64>,
    weight: Option<u64>,
    seg6: Option<Value>,
    seg6local: Option<Value>,
    unreachable: bool,
    blackhole: bool,
    #[serde(rename = "admin-prohibited")]
    admin_prohibited: bool,
}

/// Reads the value of a key that may be absent, but not null: a next hop needs it.
fn not_null<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
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

    /// Returns the words of the next hop of a route to `destination`, and its weight. Errors: why
    /// the table cannot store it.
    fn words(&self, destination: &str, vrf: &str) -> Result<(String, u64), String> {
        if let Some(kind) = self.discards() {
            return Err(format!("{destination}: {kind} beside another next hop"));
        }
        let has_label = self.labels.iter().any(|&label| label != IMPLICIT_NULL);
        if has_label || self.seg6.is_some() || self.seg6local.is_some() {
            return Err(format!("{destination}: {ENCAPSULATION}"));
        }
        if let Some(other) = self.vrf.as_deref().filter(|name| *name != vrf) {
            return Err(format!("{other}: {ONE_TABLE}"));
        }
        let words = words::next_hop(self.ip, self.interface_name.as_deref())?;
        match words.is_empty() {
            true => Err(format!("{destination}: next hop missing")),
            false => Ok((words, self.weight.unwrap_or(1))),
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
    for route in &routes {
        let hops = route.hops_in_use();
        let also = routes.iter().filter(|other| {
            // bgpd lists the other paths of a multipath route beside the best one.
            route.bestpath && route.multipath && other.multipath && !other.bestpath
        });
        let hops: Vec<_> = hops
            .into_iter()
            .chain(also.flat_map(Route::used_hops))
            .collect();
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
            _ => match route.words(destination, &hops) {
                Ok(words) => found.push(number, words),
                Err(message) => found.refuse(number, message),
            },
        }
    }
}

impl Route {
    /// Returns the next hops that are in the kernel, or those of the best path.
    fn hops_in_use(&self) -> Vec<&NextHop> {
        match self.bestpath {
            true => self.used_hops().collect(),
            false if self.selected => self.nexthops.iter().filter(|hop| hop.fib).collect(),
            false => Vec::new(),
        }
    }

    fn used_hops(&self) -> impl Iterator<Item = &NextHop> {
        self.nexthops.iter().filter(|hop| hop.used)
    }

    /// Returns the words of the route. Errors: why the table cannot store it.
    fn words(&self, destination: &str, hops: &[&NextHop]) -> Result<String, String> {
        let destination = words::word("destination", destination)?;
        let discards = hops.first().and_then(|hop| hop.discards());
        let (kind, next_hops) = match discards.filter(|_| hops.len() == 1) {
            Some(kind) => (format!("{kind} "), String::new()),
            None => {
                let hops = hops
                    .iter()
                    .map(|hop| hop.words(destination, &self.vrf_name));
                let hops = hops.collect::<Result<Vec<_>, _>>()?;
                let is_local = self.protocol == "local";
                let kind = if is_local { "local " } else { "" };
                (kind.to_string(), words::next_hops(&hops))
            }
        };
        // For other protocols than that of kernel routes, FRR sets metrics of its own.
        let metric = match self.metric {
            metric if metric > 0 && self.protocol == "kernel" => format!(" metric {metric}"),
            _ => String::new(),
        };
        Ok(format!("{kind}{destination}{metric}{next_hops}"))
    }
}
