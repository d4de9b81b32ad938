// SPDX-License-Identifier: GPL-2.0

//! `route diff`: prints the changes that make the table equal to a file, as lines that `route load`
//! reads.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::IpAddr;

use serde_json::json;

use super::full::FullRoute;
use super::import::{self, Import, Refused};
use super::json;
use crate::device::grammar::Object;
use crate::device::transport::Transport;
use crate::device::{grammar, Device};
use crate::error::{Error, Result, Status};
use crate::output::Output;
use crate::rcu_table::{Family, NextHop};

/// The key of a route: family, address and length of its prefix, and its metric.
type Key = (Family, IpAddr, u8, u32);
type Routes = BTreeMap<Key, FullRoute>;

/// A change of the table, and the route that it names.
struct Change {
    verb: &'static str,
    route: FullRoute,
}

impl Change {
    /// The line that makes the change.
    fn line(&self) -> String {
        match self.verb {
            "del" => self.route.deletion(),
            verb => format!("{verb} {}", self.route),
        }
    }
}

/// Compares the table, which the newly opened device returns, with the routes of a file. The status
/// is 1 if they differ, or if a line of the file is no route.
pub fn run(
    device: &mut Device<impl Transport>,
    name: &str,
    file: &Import,
    out: &mut Output<impl Write>,
) -> Result<Status> {
    if import::report(name, &file.refused) == Status::Failed {
        return Ok(Status::Failed);
    }
    let (table, objects) = read(device)?;
    let (mut wanted, mut refused) = (Routes::new(), Vec::new());
    for (line, route) in &file.routes {
        // Linux uses the first of several routes with the same key.
        match objects.bind(route) {
            Ok(route) => drop(wanted.entry(key(&route)).or_insert(route)),
            Err(message) => refused.push(Refused {
                line: *line,
                message,
            }),
        }
    }
    if import::report(name, &refused) == Status::Failed {
        return Ok(Status::Failed);
    }
    let changes = changes(&table, &wanted);
    print(&changes, out)?;
    Ok(match changes.is_empty() {
        true => Status::Done,
        false => Status::Failed,
    })
}

fn key(route: &FullRoute) -> Key {
    let prefix = &route.prefix;
    (
        prefix.family(),
        prefix.address(),
        prefix.len(),
        route.metric,
    )
}

/// The next hops of the table's objects, by number.
#[derive(Default)]
struct Objects(BTreeMap<u32, Vec<(NextHop, u16)>>);

impl Objects {
    fn insert(&mut self, object: Object) {
        let (id, legs) = match object {
            Object::Single(id, next_hop) => (id, vec![(next_hop, 1)]),
            // The members precede the group.
            Object::Group(id, members) => {
                let leg = |(id, weight)| Some((self.0.get(&id)?.first()?.0, weight));
                (id, members.into_iter().filter_map(leg).collect())
            }
        };
        self.0.insert(id, legs);
    }

    /// Returns the route that a line means, as the device does: an object counts if the line has no
    /// next hop, or the object's.
    ///
    /// Errors: the line has an unknown object alone.
    fn bind(&self, route: &FullRoute) -> std::result::Result<FullRoute, String> {
        let mut route = route.clone();
        let Some(object) = route.object else {
            return Ok(route);
        };
        let legs = object.number().and_then(|number| self.0.get(&number));
        match legs {
            None if route.legs.is_empty() => {
                return Err(format!("{}: Nexthop id does not exist", route.prefix))
            }
            Some(legs) if route.legs.is_empty() => route.legs.clone_from(legs),
            Some(legs) if route.legs == *legs => (),
            _ => route.object = None,
        }
        Ok(route)
    }
}

/// Reads the table: by the ioctl if the device has it and the table has no objects, because text
/// must be parsed.
fn read(device: &mut Device<impl Transport>) -> Result<(Routes, Objects)> {
    let (mut routes, mut objects) = (Routes::new(), Objects::default());
    let has_all = device.for_each_route(|route| {
        let route = FullRoute::from(route);
        routes.insert(key(&route), route);
    })?;
    if has_all {
        return Ok((routes, objects));
    }
    routes.clear();
    device.for_each_line(|line| {
        if let Some(object) = grammar::object(line) {
            objects.insert(object);
            return Ok(());
        }
        let unexpected = || Error::Protocol(format!("expected a route, found {line:?}"));
        let route = grammar::listed(line).ok_or_else(unexpected)?;
        let route = objects.bind(&route).map_err(Error::Protocol)?;
        routes.insert(key(&route), route);
        Ok(())
    })?;
    Ok((routes, objects))
}

/// The changes in the order of their prefixes, deletions first.
fn changes(table: &Routes, wanted: &Routes) -> Vec<Change> {
    let gone = table.iter().filter(|(key, _)| !wanted.contains_key(key));
    let mut changes: Vec<_> = gone
        .map(|(_, route)| Change {
            verb: "del",
            route: route.clone(),
        })
        .collect();
    for (key, route) in wanted {
        let verb = match table.get(key) {
            Some(present) if present == route => continue,
            Some(_) => "change",
            None => "add",
        };
        let route = route.clone();
        changes.push(Change { verb, route });
    }
    changes
}

fn print(changes: &[Change], out: &mut Output<impl Write>) -> Result<()> {
    if !out.json() {
        return changes
            .iter()
            .try_for_each(|change| out.line(&change.line()));
    }
    let mut objects = Vec::new();
    for change in changes {
        let route = change.route.to_string();
        let route = json!(json::Route::parse(&route, true)?);
        objects.push(json!({ "change": change.verb, "route": route }));
    }
    out.document(&objects)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    const TABLE: [&str; 4] = [
        "10.0.0.0/8 via 10.0.0.1 dev a",
        "10.0.0.0/8 dev b metric 7",
        "blackhole 192.0.2.0/24",
        "::/0 dev a",
    ];

    fn diff(file: &str, json: bool) -> (Status, String) {
        let by_text = diff_of(Fake::new(), file, json);
        let by_ioctl = diff_of(Fake::new().ioctls(3), file, json);
        assert_eq!(by_text, by_ioctl);
        by_text
    }

    fn diff_of(fake: Fake, file: &str, json: bool) -> (Status, String) {
        let fake = fake.table(&TABLE);
        let mut text = Vec::new();
        let out = &mut Output::new(&mut text, json);
        let import = import::translate(file);
        let status = run(&mut Device::new(fake), "f", &import, out).expect("readable");
        (status, String::from_utf8(text).expect("text"))
    }

    #[test]
    fn an_equal_file_has_no_changes() {
        for file in [
            TABLE.join("\n"),
            "blackhole 192.0.2.0/24\n10/8 via 10.0.0.1 dev a proto bgp\n10/8 dev b metric 0x7\n\
             default dev a pref medium\n"
                .to_string(),
        ] {
            assert_eq!(diff(&file, false), (Status::Done, String::new()), "{file}");
        }
        assert_eq!(
            diff(&TABLE.join("\n"), true),
            (Status::Done, "[]\n".to_string())
        );
    }

    #[test]
    fn the_lines_turn_the_table_into_the_file() {
        let file = "10.0.0.0/8 dev b metric 7\nblackhole 192.0.2.0/24 metric 1\n::/0 dev b\n";
        let expected = "del 10.0.0.0/8 via 10.0.0.1 dev a metric 0\n\
                        del blackhole 192.0.2.0/24 metric 0\n\
                        add blackhole 192.0.2.0/24 metric 1\n\
                        change ::/0 dev b\n";
        assert_eq!(diff(file, false), (Status::Failed, expected.to_string()));
        for line in expected.lines() {
            assert!(
                grammar::command(format!("{line}\n").as_bytes()).is_some(),
                "{line}"
            );
        }
    }

    #[test]
    fn json_has_the_change_and_the_route() {
        let (status, text) = diff(&TABLE[1..].join("\n"), true);
        assert_eq!(status, Status::Failed);
        let document: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
        assert_eq!(document[0]["change"], "del");
        assert_eq!(document[0]["route"]["gateway"], "10.0.0.1");
        assert_eq!(document.as_array().map(Vec::len), Some(1));
    }

    /// The text of a table with objects, a group, and routes with several next hops.
    const OBJECTS: [&str; 8] = [
        "nexthop replace id 5 via 10.0.0.1 dev a",
        "nexthop replace id 6 dev b",
        "nexthop replace id 12 group 5/6,3",
        "10.0.0.0/8 nhid 5 via 10.0.0.1 dev a",
        "10.1.0.0/16 nhid 12",
        "10.2.0.0/16 nexthop via 10.0.0.1 dev a weight 1 nexthop dev b weight 3",
        "10.3.0.0/16 metric 5 nexthop dev a weight 1 nexthop dev b weight 1",
        "::/0 dev a",
    ];

    fn diff_of_objects(file: &str) -> (Status, String) {
        let mut text = Vec::new();
        let out = &mut Output::new(&mut text, false);
        let device = &mut Device::new(Fake::new().table(&OBJECTS));
        let status = run(device, "f", &import::translate(file), out).expect("readable");
        (status, String::from_utf8(text).expect("text"))
    }

    #[test]
    fn routes_with_objects_and_several_next_hops_are_compared() {
        let routes = "10.0.0.0/8 nhid 5 via 10.0.0.1 dev a proto bgp \n\
            10.1.0.0/16 nhid 12 proto bgp \n\
            \tnexthop via 10.0.0.1 dev a weight 1 \n\tnexthop dev b weight 3 \n\
            10.2.0.0/16 nhid 77 proto bgp \n\
            \tnexthop via 10.0.0.1 dev a weight 1 \n\tnexthop dev b weight 3 \n\
            10.3.0.0/16 metric 5 nexthop dev a nexthop dev b\n::/0 dev a\n";
        assert_eq!(diff_of_objects(routes), (Status::Done, String::new()));
        let same = routes.replace(
            "\n\tnexthop via 10.0.0.1 dev a weight 1 \n\tnexthop dev b weight 3 \n10.2",
            "\n10.2",
        );
        assert_eq!(diff_of_objects(&same), (Status::Done, String::new()));
        let file = "10.0.0.0/8 via 10.0.0.1 dev a\n10.1.0.0/16 nhid 5\n\
            10.2.0.0/16 nexthop via 10.0.0.1 dev a nexthop dev b\n::/0 dev a\n\
            10.4.0.0/16 nhid 12\n";
        let expected = "del 10.3.0.0/16 metric 5 nexthop dev a weight 1 nexthop dev b weight 1\n\
            change 10.0.0.0/8 via 10.0.0.1 dev a\n\
            change 10.1.0.0/16 nhid 5 via 10.0.0.1 dev a\n\
            change 10.2.0.0/16 nexthop via 10.0.0.1 dev a weight 1 nexthop dev b weight 1\n\
            add 10.4.0.0/16 nhid 12 nexthop via 10.0.0.1 dev a weight 1 nexthop dev b weight 3\n";
        assert_eq!(
            diff_of_objects(file),
            (Status::Failed, expected.to_string())
        );
        for line in expected.lines() {
            assert!(
                grammar::command(format!("{line}\n").as_bytes()).is_some(),
                "{line}"
            );
        }
        let unknown = diff_of_objects("10.0.0.0/8 nhid 77\n");
        assert_eq!(unknown, (Status::Failed, String::new()));
    }

    #[test]
    fn a_line_that_is_no_route_prints_no_changes() {
        assert_eq!(
            diff("10.0.0.1/8 dev a\n", false),
            (Status::Failed, String::new())
        );
    }
}
