// SPDX-License-Identifier: GPL-2.0

//! `route monitor`: prints each change of the table as it happens, as `ip monitor route` does. The
//! program ends by the signal of Ctrl-C, so a shell reports the status 130.

use std::io::{Read, Write};

use serde::Serialize;
use serde_json::json;

use super::json::Route;
use super::text;
use crate::cli::Family;
use crate::device::Device;
use crate::error::{Error, Result, Status};
use crate::nexthop::Object;
use crate::output::Output;

/// A line of the device's stream.
#[derive(Debug, PartialEq, Eq)]
enum Event<'a> {
    Inserted(&'a str),
    Deleted(&'a str),
    Flushed(&'a str),
    Reloaded,
    /// A next-hop object was added or replaced, or removed.
    Object(&'a str),
    ObjectDeleted(&'a str),
    Overrun(u64),
    /// The changes of this generation end here.
    Generation(u64),
}

impl<'a> Event<'a> {
    fn parse(line: &'a str) -> Result<Self> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let number = || {
            rest.parse().map_err(|_| {
                Error::Protocol(format!("expected a number after {word}, found {rest:?}"))
            })
        };
        Ok(match word {
            "Deleted" if rest.starts_with("nexthop ") => Self::ObjectDeleted(&rest[8..]),
            "nexthop" => Self::Object(rest),
            "Deleted" => Self::Deleted(rest),
            "Flushed" => Self::Flushed(rest),
            "Reloaded" => Self::Reloaded,
            "Overrun" => Self::Overrun(number()?),
            "Generation" => Self::Generation(number()?),
            _ => Self::Inserted(line),
        })
    }

    /// Returns whether an event concerns a family. Events without a family concern both.
    fn concerns(&self, family: Family) -> bool {
        match self {
            Self::Inserted(route) | Self::Deleted(route) => {
                let prefix = route.split(' ').find(|word| !text::is_kind(word));
                let is_inet6 = prefix.is_some_and(|prefix| prefix.contains(':'));
                is_inet6 == (family == Family::Inet6)
            }
            Self::Flushed(flushed) => *flushed == family.to_string(),
            _ => true,
        }
    }

    fn print(&self, long: bool, out: &mut Output<impl Write>) -> Result<()> {
        if out.json() {
            return self.print_document(long, out);
        }
        let route = |route: &str| match long {
            true => route.to_string(),
            false => text::short(route),
        };
        out.line(&match self {
            Self::Inserted(line) => route(line),
            Self::Deleted(line) => format!("Deleted {}", route(line)),
            Self::Flushed(family) => format!("Flushed {family}"),
            Self::Reloaded => "Reloaded".to_string(),
            Self::Object(object) => object.to_string(),
            Self::ObjectDeleted(object) => format!("Deleted {object}"),
            Self::Overrun(changes) => format!("Overrun {changes}"),
            Self::Generation(_) => return Ok(()),
        })
    }

    fn print_document(&self, long: bool, out: &mut Output<impl Write>) -> Result<()> {
        match self {
            Self::Inserted(line) => out.document(&Route::parse(line, long)?),
            Self::Deleted(line) => out.document(&Deleted {
                deleted: true,
                route: Route::parse(line, long)?,
            }),
            Self::Flushed(family) => out.document(&json!({ "flushed": family })),
            Self::Reloaded => out.document(&json!({ "reloaded": true })),
            Self::Object(object) => out.document(&Object::parse(object)?),
            Self::ObjectDeleted(object) => out.document(&DeletedObject {
                deleted: true,
                object: Object::parse(object)?,
            }),
            Self::Overrun(changes) => out.document(&json!({ "overrun": changes })),
            Self::Generation(generation) => out.document(&json!({ "generation": generation })),
        }
    }
}

/// A deleted route, as `ip -j monitor route` prints it.
#[derive(Serialize)]
struct Deleted<'a> {
    deleted: bool,
    #[serde(flatten)]
    route: Route<'a>,
}

/// A deleted object, as `ip -j monitor nexthop` prints it.
#[derive(Serialize)]
struct DeletedObject<'a> {
    deleted: bool,
    #[serde(flatten)]
    object: Object<'a>,
}

/// Prints the changes until a signal ends the program. With JSON, also prints the generations.
pub fn run(
    device: &mut Device<impl Read + Write>,
    family: Option<Family>,
    long: bool,
    out: &mut Output<impl Write>,
) -> Result<Status> {
    device.command(match out.json() {
        true => "monitor generation\n",
        false => "monitor\n",
    })?;
    device.for_each_read(|lines| {
        for line in lines.lines() {
            let event = Event::parse(line)?;
            if family.is_none_or(|family| event.concerns(family)) {
                event.print(long, out)?;
            }
        }
        out.flush()
    })?;
    Ok(Status::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    const STREAM: &str = "\
10.0.0.1/32 dev a\nDeleted ::/0 via fe80::1 dev b\nGeneration 7\nFlushed inet\nGeneration 8\n\
Reloaded\nGeneration 9\nOverrun 12\nDeleted blackhole 2001:db8::/32 metric 5\nGeneration 10\n";

    fn printed(family: Option<Family>, long: bool, json: bool) -> String {
        let command = if json {
            "monitor generation"
        } else {
            "monitor"
        };
        // The fake transfers 7 bytes at a time, so reads split lines.
        let mut fake = Fake::new().answer(command, STREAM).limit_transfers(7);
        let mut text = Vec::new();
        let out = &mut Output::new(&mut text, json);
        run(&mut Device::new(&mut fake), family, long, out).expect("a stream");
        String::from_utf8(text).expect("text")
    }

    #[test]
    fn changes_have_the_text_of_ip_monitor_route() {
        assert_eq!(
            printed(None, false, false),
            "10.0.0.1 dev a scope link\nDeleted default via fe80::1 dev b pref medium\n\
             Flushed inet\nReloaded\nOverrun 12\n\
             Deleted blackhole 2001:db8::/32 metric 5 pref medium\n"
        );
        assert_eq!(
            printed(None, true, false).lines().next(),
            Some("10.0.0.1/32 dev a")
        );
    }

    #[test]
    fn json_is_one_document_a_line_with_the_generations() {
        let text = printed(None, false, true);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines,
            [
                r#"{"dst":"10.0.0.1","dev":"a","scope":"link","flags":[]}"#,
                r#"{"deleted":true,"dst":"default","gateway":"fe80::1","dev":"b","flags":[],"pref":"medium"}"#,
                r#"{"generation":7}"#,
                r#"{"flushed":"inet"}"#,
                r#"{"generation":8}"#,
                r#"{"reloaded":true}"#,
                r#"{"generation":9}"#,
                r#"{"overrun":12}"#,
                r#"{"deleted":true,"type":"blackhole","dst":"2001:db8::/32","metric":5,"flags":[],"pref":"medium"}"#,
                r#"{"generation":10}"#,
            ]
        );
    }

    #[test]
    fn a_family_selects_its_changes_and_the_events_of_both_families() {
        assert_eq!(
            printed(Some(Family::Inet), true, false),
            "10.0.0.1/32 dev a\nFlushed inet\nReloaded\nOverrun 12\n"
        );
        assert_eq!(
            printed(Some(Family::Inet6), true, false),
            "Deleted ::/0 via fe80::1 dev b\nReloaded\nOverrun 12\n\
             Deleted blackhole 2001:db8::/32 metric 5\n"
        );
    }

    #[test]
    fn an_unknown_event_is_an_error() {
        for line in ["Overrun x", "Generation", "Overrun"] {
            assert!(Event::parse(line).is_err(), "{line}");
        }
    }
}
