// SPDX-License-Identifier: GPL-2.0

//! The commands for next-hop objects, in the words of `ip nexthop`.

use super::{
    attributes, device, list,
    refusal::{refuse, Parsed, Reason, Refusal},
    skip,
    values::any_number,
    words::Words,
    Attributes,
};
use crate::rcu_table::{HopId, Mode, NextHop};

/// A command for next-hop objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ObjectCommand {
    /// `add` and `replace`.
    Set {
        mode: Mode,
        id: u32,
        /// The next hop; none for a group, whose members [`members`] returns.
        next_hop: Option<NextHop>,
    },
    /// `del`.
    Delete(u32),
    /// `get`, and `show` with a number.
    Get(u32),
    /// `show`.
    Show,
}

/// Parses the words after `nexthop`.
pub(super) fn parse<'a>(verb: Option<&'a str>, words: &mut Words<'a>) -> Parsed<'a, ObjectCommand> {
    match verb {
        None => Ok(ObjectCommand::Show),
        Some("add") => set(Mode::Add, words),
        Some("replace") => set(Mode::Replace, words),
        Some("del" | "delete") => Ok(ObjectCommand::Delete(named(words)?)),
        Some("get") => Ok(ObjectCommand::Get(named(words)?)),
        Some("show" | "list" | "ls" | "lst") => match words.next() {
            None => Ok(ObjectCommand::Show),
            Some("id") => Ok(ObjectCommand::Get(number(words)?)),
            Some(word) => refuse(word, Reason::UnknownWord),
        },
        // `ip route` prints each next hop of a route in a line of its own.
        Some("via" | "dev" | "oif" | "weight" | "encap" | "as" | "onlink") => {
            refuse("nexthop", Reason::Unsupported(attributes::CONTINUES))
        }
        Some(word) => refuse(word, Reason::UnknownWord),
    }
}

/// Returns whether a word after `nexthop` is a verb.
pub(super) fn is_verb(word: &str) -> bool {
    matches!(
        word,
        "add" | "replace" | "del" | "delete" | "get" | "show" | "list" | "ls" | "lst"
    )
}

/// Parses `id N`.
fn named<'a>(words: &mut Words<'a>) -> Parsed<'a, u32> {
    match words.expect("id")? {
        "id" => number(words),
        word => refuse(word, Reason::UnknownWord),
    }
}

/// Parses the number of an object.
fn number<'a>(words: &mut Words<'a>) -> Parsed<'a, u32> {
    let word = words.expect("id of a nexthop")?;
    any_number(word)
        .filter(|number| *number > 0)
        .ok_or(Refusal::new(word, Reason::InvalidObject))
}

/// Parses the number of an object.
pub(super) fn id<'a>(words: &mut Words<'a>) -> Parsed<'a, HopId> {
    number(words).map(HopId::new)
}

/// Parses the words of `add` and `replace`, in any order.
fn set<'a>(mode: Mode, words: &mut Words<'a>) -> Parsed<'a, ObjectCommand> {
    let (mut id, mut group, mut discards) = (None, None, false);
    let mut hop = Attributes::default();
    while let Some(word) = words.next() {
        let is_repeated = match word {
            "id" => id.replace(number(words)?).is_some(),
            "via" => {
                let gateway = hop.parse_gateway(words)?;
                hop.gateway.replace(gateway).is_some()
            }
            "dev" | "oif" => hop.dev.replace(device(words)?).is_some(),
            "blackhole" => core::mem::replace(&mut discards, true),
            "group" => {
                words.begin_list();
                let list = words.expect("members")?;
                if !list.split('/').all(|text| member(text).is_some()) {
                    return refuse(list, Reason::InvalidMember);
                }
                group.replace(list).is_some()
            }
            "type" => match words.expect("type of the group")? {
                "mpath" => continue,
                other => return refuse(other, Reason::Unsupported("groups have the type mpath")),
            },
            "fdb" => {
                let why = "nexthops of bridges are not supported";
                return refuse(word, Reason::Unsupported(why));
            }
            _ => {
                skip(word, words)?;
                continue;
            }
        };
        if is_repeated {
            return refuse(word, Reason::Repeated);
        }
    }
    let next_hop = match (discards, group, hop.next_hop()) {
        (true, None, None) => Some(NextHop::Blackhole),
        (false, None, Some(next_hop)) => Some(next_hop),
        (false, Some(_), None) => None,
        (false, None, None) => return refuse("nexthop", Reason::MissingContents),
        _ => return refuse("nexthop", Reason::ManyContents),
    };
    let missing = Refusal::new("nexthop", Reason::MissingArgument("id"));
    Ok(ObjectCommand::Set {
        mode,
        id: id.ok_or(missing)?,
        next_hop,
    })
}

/// Parses `ID` or `ID,WEIGHT`.
fn member(text: &str) -> Option<(u32, u16)> {
    let (id, weight) = text.split_once(',').unwrap_or((text, "1"));
    let id = any_number(id).filter(|id| *id > 0)?;
    let weight = any_number(weight).filter(|weight| (1..=256).contains(weight))?;
    Some((id, weight as u16))
}

/// Returns the numbers and weights of the members that a line with a group names.
pub(crate) fn members(line: &str) -> impl Iterator<Item = (u32, u16)> + '_ {
    let members = Words::of(list(line)).next().unwrap_or("");
    members.split('/').filter_map(member)
}
