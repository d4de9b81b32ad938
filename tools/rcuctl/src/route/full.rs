// SPDX-License-Identifier: GPL-2.0

//! A route with all its next hops, and with the object that it names.

use std::fmt;

use crate::rcu_table::{Family, HopId, NextHop, ObjectRoute, Prefix, Route};

/// A route as a line describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullRoute {
    pub prefix: Prefix,
    pub metric: u32,
    /// The object that the line names.
    pub object: Option<HopId>,
    /// The next hops with their weights. None if the line has only an object.
    pub legs: Vec<(NextHop, u16)>,
}

impl From<Route> for FullRoute {
    fn from(route: Route) -> Self {
        let (object, legs) = match route.next_hop {
            NextHop::Object(id) => (Some(id), Vec::new()),
            next_hop => (None, vec![(next_hop, 1)]),
        };
        Self {
            prefix: route.prefix,
            metric: route.metric,
            object,
            legs,
        }
    }
}

impl FullRoute {
    /// The route with one next hop, or with its object alone; `None` for several next hops.
    fn single(&self) -> Option<Route> {
        let next_hop = match (&self.legs[..], self.object) {
            ([(next_hop, _)], _) => *next_hop,
            ([], Some(object)) => NextHop::Object(object),
            _ => return None,
        };
        Some(Route {
            prefix: self.prefix,
            metric: self.metric,
            next_hop,
        })
    }

    /// The next hops: those of all legs, or the object.
    pub fn next_hops(&self) -> impl Iterator<Item = NextHop> + '_ {
        let object = self.object.filter(|_| self.legs.is_empty());
        let legs = self.legs.iter().map(|(next_hop, _)| *next_hop);
        legs.chain(object.map(NextHop::Object))
    }

    /// The line that deletes the route. `del` without a metric deletes the route with the lowest
    /// one, so the line has the metric 0, too.
    pub fn deletion(&self) -> String {
        let text = self.to_string();
        match (self.metric, text.split_once(" nexthop ")) {
            (0, Some((head, legs))) if self.legs.len() > 1 => {
                format!("del {head} metric 0 nexthop {legs}")
            }
            (0, _) => format!("del {text} metric 0"),
            _ => format!("del {text}"),
        }
    }
}

/// Writes the form that the device reads.
impl fmt::Display for FullRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.single(), self.object) {
            (Some(route), Some(object)) if !self.legs.is_empty() => {
                return ObjectRoute { route, object }.fmt(f)
            }
            (Some(route), _) => return route.fmt(f),
            (None, _) => (),
        }
        write!(f, "{}", self.prefix)?;
        if let Some(object) = self.object {
            write!(f, " {object}")?;
        }
        if self.metric != 0 {
            write!(f, " metric {}", self.metric)?;
        }
        for (next_hop, weight) in &self.legs {
            f.write_str(" nexthop")?;
            write_hop(f, self.prefix.family(), next_hop)?;
            write!(f, " weight {weight}")?;
        }
        Ok(())
    }
}

fn write_hop(f: &mut fmt::Formatter<'_>, family: Family, next_hop: &NextHop) -> fmt::Result {
    let NextHop::Via(gateway, dev) = next_hop else {
        return match next_hop {
            NextHop::Dev(dev) => write!(f, " dev {dev}"),
            // The parser refuses a leg without gateway and device.
            _ => Ok(()),
        };
    };
    let named = match (family, Family::of(*gateway)) {
        (Family::Inet, Family::Inet6) => " inet6",
        (Family::Inet6, Family::Inet) => " inet",
        _ => "",
    };
    write!(f, " via{named} {gateway}")?;
    dev.map_or(Ok(()), |dev| write!(f, " dev {dev}"))
}

#[cfg(test)]
mod tests {
    use crate::device::grammar;

    #[test]
    fn the_text_is_that_of_the_device() {
        for line in [
            "10.0.0.0/8 via 10.0.0.1 dev a metric 5",
            "blackhole ::/0",
            "10.0.0.0/8 nhid 5 metric 7",
            "10.0.0.0/8 nhid 5 via inet6 fe80::1 dev a metric 7",
            "::/0 metric 7 nexthop via inet 10.0.0.1 dev a weight 1 nexthop via fe80::1 weight 2",
            "10.0.0.0/8 nhid 12 metric 7 nexthop via inet6 fe80::1 weight 1 nexthop dev b weight 256",
        ] {
            let (route, _) = grammar::route(line).expect("a route");
            assert_eq!(route.to_string(), line);
        }
    }

    #[test]
    fn a_deletion_names_the_metric_before_the_legs() {
        for (line, expected) in [
            ("::/0 dev nexthop", "del ::/0 dev nexthop metric 0"),
            ("::/0 dev a metric 5", "del ::/0 dev a metric 5"),
            (
                "::/0 nexthop dev nexthop nexthop dev b weight 2",
                "del ::/0 metric 0 nexthop dev nexthop weight 1 nexthop dev b weight 2",
            ),
        ] {
            let (route, _) = grammar::route(line).expect("a route");
            assert_eq!(route.deletion(), expected);
            assert!(grammar::command(format!("{expected}\n").as_bytes()).is_some());
        }
    }
}
