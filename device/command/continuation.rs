// SPDX-License-Identifier: GPL-2.0

//! The lines of a route that `ip route` prints in several lines.

use super::{
    attributes::NOTES,
    legs, looks_like_route,
    refusal::{Reason, Refusal},
    words::Words,
    Command,
};
use crate::rcu_table::NextHop;

/// Returns whether a line is blank or a comment.
pub(crate) fn is_blank(line: &str) -> bool {
    // A backslash continues a line, although the parser reads it as a blank.
    line.bytes()
        .take_while(|&byte| byte != b'#')
        .all(|byte| byte.is_ascii_whitespace())
}

/// Returns whether a line only describes the route before it.
pub(crate) fn is_note(line: &str) -> bool {
    Words::of(line)
        .next()
        .is_some_and(|word| NOTES.contains(&word))
}

/// Returns whether lines with legs may follow a line, as `ip route` prints a multipath route: the
/// line has no verb, and no next hop but an object. `parsed` is the result of [`parse`](super::parse).
pub(crate) fn can_continue(
    line: &str,
    parsed: &Result<(Option<Command>, u32), Refusal<'_>>,
) -> bool {
    let has_no_next_hop = match parsed {
        // A leg without next hop has this reason, too.
        Err(refusal) => {
            refusal.reason == Reason::MissingNextHop && refusal.word != legs::FIRST_WORD
        }
        Ok((Some(Command::Insert(_, route)), _)) => matches!(route.next_hop, NextHop::Object(_)),
        _ => false,
    };
    has_no_next_hop && Words::of(line).next().is_some_and(looks_like_route)
}
