// SPDX-License-Identifier: GPL-2.0

//! `route diff`: prints the changes that make the table equal to a file, as lines that `route load`
//! reads.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::IpAddr;

use serde_json::json;

use super::import::{self, Import};
use super::json;
use crate::device::grammar::Command;
use crate::device::transport::Transport;
use crate::device::{grammar, Device};
use crate::error::{Error, Result, Status};
use crate::output::Output;
use crate::rcu_table::{Family, Route};

/// The key of a route: family, address and length of its prefix, and its metric.
type Key = (Family, IpAddr, u8, u32);
type Routes = BTreeMap<Key, Route>;

/// A change of the table, and the route that it names.
struct Change {
    verb: &'static str,
    route: Route,
}

impl Change {
    /// The line that makes the change.
    fn line(&self) -> String {
        // `del` without a metric deletes the route with the lowest one.
        let metric = match (self.verb, self.route.metric) {
            ("del", 0) => " metric 0",
            _ => "",
        };
        format!("{} {}{metric}", self.verb, self.route)
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
    let mut wanted = Routes::new();
    for (_, route) in &file.routes {
        // Linux uses the first of several routes with the same key.
        wanted.entry(key(route)).or_insert(*route);
    }
    let changes = changes(&read(device)?, &wanted);
    print(&changes, out)?;
    Ok(match changes.is_empty() {
        true => Status::Done,
        false => Status::Failed,
    })
}

fn key(route: &Route) -> Key {
    let prefix = &route.prefix;
    (
        prefix.family(),
        prefix.address(),
        prefix.len(),
        route.metric,
    )
}

/// Reads the table: by the ioctl if the device has it, because text must be parsed.
fn read(device: &mut Device<impl Transport>) -> Result<Routes> {
    let mut routes = Routes::new();
    let mut insert = |route: Route| {
        routes.insert(key(&route), route);
    };
    if device.for_each_route(&mut insert)? {
        return Ok(routes);
    }
    routes.clear();
    device.for_each_line(|line| {
        let route = match grammar::command(format!("{line}\n").as_bytes()) {
            // The table's objects precede its routes.
            Some(Command::Object(_)) => return Ok(()),
            Some(Command::Insert(_, route) | Command::InsertNamed(_, route, _)) => route,
            Some(Command::InsertLegs(_, prefix, ..)) => {
                return Err(Error::Usage(format!(
                "{prefix} has several next hops, which diff cannot compare; use save and diff(1)"
            )))
            }
            _ => return Err(Error::Protocol(format!("expected a route, found {line:?}"))),
        };
        routes.insert(key(&route), route);
        Ok(())
    })?;
    Ok(routes)
}

/// The changes in the order of their prefixes, deletions first.
fn changes(table: &Routes, wanted: &Routes) -> Vec<Change> {
    let gone = table.iter().filter(|(key, _)| !wanted.contains_key(key));
    let mut changes: Vec<_> = gone
        .map(|(_, &route)| Change { verb: "del", route })
        .collect();
    for (key, &route) in wanted {
        let verb = match table.get(key) {
            Some(present) if *present == route => continue,
            Some(_) => "change",
            None => "add",
        };
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

    #[test]
    fn a_line_that_is_no_route_prints_no_changes() {
        assert_eq!(
            diff("10.0.0.1/8 dev a\n", false),
            (Status::Failed, String::new())
        );
    }
}
