// SPDX-License-Identifier: GPL-2.0

//! The legs of a multipath route, which are its next hops with weights: `nexthop via ADDRESS dev
//! NAME weight N`, with each word at most once.

use super::{
    device, list, object,
    refusal::{refuse, Parsed, Reason, Refusal},
    skip,
    values::any_number,
    words::Words,
    Attributes,
};
use crate::rcu_table::NextHop;

/// The first word of a leg.
pub(super) const FIRST_WORD: &str = "nexthop";

/// A leg, and whether another one follows.
pub(super) struct Leg {
    pub(super) hop: Attributes,
    pub(super) weight: Option<u16>,
    pub(super) is_last: bool,
}

/// Parses the words after `nexthop`, up to the next `nexthop` or the end of the line.
pub(super) fn parse<'a>(words: &mut Words<'a>) -> Parsed<'a, Leg> {
    let (mut hop, mut weight) = (Attributes::default(), None);
    let is_last = loop {
        let Some(word) = words.next() else {
            break true;
        };
        let is_repeated = match word {
            FIRST_WORD => break false,
            "via" => {
                let gateway = hop.parse_gateway(words)?;
                hop.gateway.replace(gateway).is_some()
            }
            "dev" | "oif" => hop.dev.replace(device(words)?).is_some(),
            "weight" => weight.replace(parse_weight(words)?).is_some(),
            "metric" | "priority" | "preference" | "nhid" => {
                let why = "this word precedes the first 'nexthop'";
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
    };
    if hop.next_hop().is_none() {
        return refuse(FIRST_WORD, Reason::MissingNextHop);
    }
    Ok(Leg {
        hop,
        weight,
        is_last,
    })
}

fn parse_weight<'a>(words: &mut Words<'a>) -> Parsed<'a, u16> {
    let word = words.expect("number")?;
    any_number(word)
        .filter(|weight| (1..=256).contains(weight))
        .map(|weight| weight as u16)
        .ok_or(Refusal::new(word, Reason::InvalidWeight))
}

/// Returns whether a line starts with a leg. `ip route` prints each leg of a multipath route in a
/// line of its own. Other lines that start with `nexthop` are commands for objects.
pub(crate) fn is_leg(line: &str) -> bool {
    let mut words = Words::of(line);
    words.next() == Some(FIRST_WORD) && words.next().is_some_and(|word| !object::is_verb(word))
}

/// Checks the legs of a line that starts with one.
pub(crate) fn check(line: &str) -> Parsed<'_, ()> {
    let mut words = Words::of(line);
    // The first word is that of the first leg.
    words.next();
    while !parse(&mut words)?.is_last {}
    Ok(())
}

/// Returns the next hops and weights of the legs that a line names.
pub(crate) fn legs(line: &str) -> impl Iterator<Item = (NextHop, u16)> + '_ {
    let mut words = Words::of(list(line));
    let mut is_last = false;
    core::iter::from_fn(move || {
        if is_last {
            return None;
        }
        let leg = parse(&mut words).ok()?;
        is_last = leg.is_last;
        Some((leg.hop.next_hop()?, leg.weight.unwrap_or(1)))
    })
}
