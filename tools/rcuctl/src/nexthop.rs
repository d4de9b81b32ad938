// SPDX-License-Identifier: GPL-2.0

//! `nexthop`: the commands about next-hop objects. They send one line, and print its answer as
//! `ip nexthop` does.

use std::io::{Read, Write};

use nix::errno::Errno;
use serde::Serialize;

use crate::cli::Family;
use crate::device::{grammar, Device};
use crate::error::{Error, Result, Status};
use crate::output::Output;
use crate::route::command_line::command_line;

/// Sends the words, with the family of an option, and prints the objects of the answer.
pub fn run<S: Read + Write>(
    open: impl FnOnce() -> Result<Device<S>>,
    words: &[String],
    family: Option<Family>,
    out: &mut Output<impl Write>,
) -> Result<Status> {
    let command = match family {
        None => "nexthop",
        Some(Family::Inet) => "-4 nexthop",
        Some(Family::Inet6) => "-6 nexthop",
    };
    let line = command_line(command, words)?;
    let mut device = open()?;
    match device.command(&line) {
        // `ip` itself refuses such a line, with the exit status 1.
        Err(Error::Refused(refusal))
            if refusal.errno == Errno::EINVAL && grammar::is_bad_word(&line) =>
        {
            return Err(Error::Usage(refusal.message))
        }
        result => result?,
    }
    let mut text = String::new();
    device.for_each_line(|line| {
        text.push_str(line);
        text.push('\n');
        Ok(())
    })?;
    let objects = text
        .lines()
        .map(Object::parse)
        .collect::<Result<Vec<_>>>()?;
    if out.json() {
        out.document(&objects)?;
        return Ok(Status::Done);
    }
    for (line, object) in text.lines().zip(&objects) {
        match object.scope {
            Some(scope) => out.line(&format!("{line} scope {scope}"))?,
            None => out.line(line)?,
        }
    }
    Ok(Status::Done)
}

/// An object with the keys of `ip -j nexthop`, in its order.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Object<'a> {
    id: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    group: Vec<Member>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dev: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    /// `null` if the object discards packets.
    #[serde(skip_serializing_if = "Option::is_none")]
    blackhole: Option<()>,
    flags: [(); 0],
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Member {
    id: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<u32>,
}

impl<'a> Object<'a> {
    /// Parses `id 5 via 192.0.2.1 dev eth0`, and adds the scope that `ip` selects.
    pub fn parse(line: &'a str) -> Result<Self> {
        Self::parse_words(line)
            .ok_or_else(|| Error::Protocol(format!("expected a nexthop, found {line:?}")))
    }

    fn parse_words(line: &'a str) -> Option<Self> {
        let mut object = Self::default();
        let mut words = line.split(' ');
        while let Some(word) = words.next() {
            if word == "blackhole" {
                object.blackhole = Some(());
                continue;
            }
            let value = words.next()?;
            match word {
                "id" => object.id = value.parse().ok()?,
                "via" => object.gateway = Some(value),
                "dev" => object.dev = Some(value),
                "group" => object.group = value.split('/').map(member).collect::<Option<_>>()?,
                _ => return None,
            }
        }
        object.scope = match (object.gateway, object.dev) {
            (Some(_), _) => Some("link"),
            (None, Some(_)) => Some("host"),
            (None, None) => None,
        };
        (object.id > 0).then_some(object)
    }
}

/// Parses `5` or `5,2`.
fn member(text: &str) -> Option<Member> {
    let (id, weight) = match text.split_once(',') {
        Some((id, weight)) => (id, Some(weight.parse().ok()?)),
        None => (text, None),
    };
    Some(Member {
        id: id.parse().ok()?,
        weight,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    fn run_words(fake: &mut Fake, words: &str, json: bool) -> Result<String> {
        let words: Vec<_> = words.split(' ').map(ToString::to_string).collect();
        let mut text = Vec::new();
        let out = &mut Output::new(&mut text, json);
        run(|| Ok(Device::new(fake)), &words, None, out)?;
        Ok(String::from_utf8(text).expect("text"))
    }

    #[test]
    fn objects_are_printed_as_by_ip() {
        let answer = "id 5 via 192.0.2.1 dev a\nid 6 blackhole\nid 7 dev b\nid 10 group 5,2/7\n";
        let show = || Fake::new().answer("nexthop show", answer);
        let text = run_words(&mut show(), "show", false).expect("accepted");
        assert_eq!(
            text,
            "id 5 via 192.0.2.1 dev a scope link\nid 6 blackhole\nid 7 dev b scope host\n\
             id 10 group 5,2/7\n"
        );
        let text = run_words(&mut show(), "show", true).expect("accepted");
        assert_eq!(
            text,
            "[{\"id\":5,\"gateway\":\"192.0.2.1\",\"dev\":\"a\",\"scope\":\"link\",\"flags\":[]},\
             {\"id\":6,\"blackhole\":null,\"flags\":[]},\
             {\"id\":7,\"dev\":\"b\",\"scope\":\"host\",\"flags\":[]},\
             {\"id\":10,\"group\":[{\"id\":5,\"weight\":2},{\"id\":7}],\"flags\":[]}]\n"
        );
    }

    #[test]
    fn an_answer_that_is_no_object_is_an_error() {
        for line in ["", "id", "id x", "id 5 group 1,x", "id 5 frobnicate 1"] {
            assert!(Object::parse(line).is_err(), "{line:?}");
        }
    }

    #[test]
    fn the_words_are_sent_as_one_line() {
        let mut fake = Fake::new();
        run_words(&mut fake, "add id 5 dev a", false).expect("accepted");
        assert_eq!(fake.executed, ["nexthop add id 5 dev a"]);
    }

    #[test]
    fn a_bad_word_is_a_usage_error() {
        let message = "0: expected the id of a nexthop, from 1";
        let mut fake = Fake::new().refuse("nexthop get id 0", Errno::EINVAL, message);
        let refused = run_words(&mut fake, "get id 0", false);
        assert!(matches!(refused, Err(Error::Usage(text)) if text == message));
    }
}
