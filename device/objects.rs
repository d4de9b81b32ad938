// SPDX-License-Identifier: GPL-2.0

//! The commands for next-hop objects, and the objects as text.

use super::{
    command::{
        self,
        object::{self, ObjectCommand},
    },
    execute::Executor,
    line_error::LineError,
    lines::MAX_LINE,
};
use crate::rcu_table::{
    Family, HopError, HopObject, Member, Mode, NextHop, ObjectRoute, Route, RouteLeg, Table,
};
use core::{
    fmt::{self, Write},
    net::IpAddr,
};
use kernel::prelude::*;

/// The words before an object in a dump of the whole table, which is written back.
pub(super) const REPLACE: &str = "nexthop replace ";

/// A next-hop object as text: `id 5 via 192.0.2.1 dev eth0`.
pub(super) struct ObjectText<'a>(pub(super) u32, pub(super) &'a HopObject);

/// The next hop of an object or a leg as text, with a space before each word. It names the family
/// of the gateway if that differs from the family of the route.
pub(super) struct HopText(pub(super) NextHop, pub(super) Option<Family>);

impl fmt::Display for HopText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            NextHop::Via(gateway, dev) => {
                let family = match (self.1, gateway) {
                    (Some(Family::Inet6), IpAddr::V4(_)) => " inet",
                    (Some(Family::Inet), IpAddr::V6(_)) => " inet6",
                    _ => "",
                };
                write!(f, " via{family} {gateway}")?;
                dev.map_or(Ok(()), |dev| write!(f, " dev {dev}"))
            }
            NextHop::Dev(dev) => write!(f, " dev {dev}"),
            _ => f.write_str(" blackhole"),
        }
    }
}

impl fmt::Display for ObjectText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "id {}", self.0)?;
        let members = match self.1 {
            HopObject::Single(next_hop) => return HopText(*next_hop, None).fmt(f),
            HopObject::Group(members) => members,
        };
        for (at, member) in members.iter().enumerate() {
            f.write_str(if at == 0 { " group " } else { "/" })?;
            write!(f, "{}", member.id)?;
            if member.weight != 1 {
                write!(f, ",{}", member.weight)?;
            }
        }
        Ok(())
    }
}

/// A route as text. A route of an object has the object's next hop too, as `ip route` prints it.
pub(super) enum RouteText {
    Plain(Route),
    Object(ObjectRoute),
    /// The route and its legs; no legs if no route uses them any more.
    Legs(Route, KVec<RouteLeg>),
}

impl RouteText {
    /// Reads the next hop of the route's object, if the route has one.
    ///
    /// Errors: `EINTR` if a fatal signal ends the wait for the updaters' mutex. Context: may sleep.
    pub(super) fn of(table: &Table, route: &Route) -> Result<Self> {
        let NextHop::Object(object) = route.next_hop else {
            return Ok(Self::Plain(*route));
        };
        if object.number().is_none() {
            return Ok(Self::Legs(*route, table.legs_of(object)?));
        }
        let Some(next_hop) = table.single_object(object)? else {
            return Ok(Self::Plain(*route));
        };
        let route = Route { next_hop, ..*route };
        Ok(Self::Object(ObjectRoute { route, object }))
    }

    /// Reads the next hop of the route's object. If the route was replaced since, returns the
    /// route that has its key now; none if it was deleted.
    ///
    /// Errors and context: as [`Self::of`].
    pub(super) fn latest(table: &Table, route: &Route) -> Result<Option<Self>> {
        let mut latest = Some(*route);
        while let Some(route) = latest {
            let text = Self::of(table, &route)?;
            if !text.is_outdated() {
                return Ok(Some(text));
            }
            // The table frees the legs of a multipath route with its last user, but the dump must
            // have each route that is in the table throughout.
            let key = (route.prefix, Some(route.metric));
            table.exact(&[key], |found| latest = found)?;
        }
        Ok(None)
    }

    /// Returns whether the next hops are lost: the route was replaced or deleted later.
    pub(super) fn is_outdated(&self) -> bool {
        matches!(self, Self::Legs(_, legs) if legs.is_empty())
    }
}

impl fmt::Display for RouteText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(route) => route.fmt(f),
            Self::Object(route) => route.fmt(f),
            Self::Legs(route, legs) => LegsText(route, legs).fmt(f),
        }
    }
}

/// Returns the legs that a line names.
///
/// Errors: `ENOMEM`.
pub(super) fn legs(line: &str) -> Result<KVec<RouteLeg>> {
    let mut legs = KVec::new();
    for (next_hop, weight) in command::legs::legs(line) {
        legs.push(RouteLeg { next_hop, weight }, GFP_KERNEL_ACCOUNT)?;
    }
    Ok(legs)
}

/// The maximum number of bytes of legs in one line. A command, a prefix and a metric fit before them.
const MAX_LEGS_TEXT: usize = MAX_LINE - 96;

/// A route with several legs as text: `10.0.0.0/8 nexthop via 192.0.2.1 weight 1 nexthop dev a
/// weight 2`. If a line has no room for them, each leg is in a line of its own, as `ip route` prints
/// it.
struct LegsText<'a>(pub(super) &'a Route, pub(super) &'a [RouteLeg]);

impl fmt::Display for LegsText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(route, legs) = self;
        write!(f, "{}", route.prefix)?;
        if route.metric != 0 {
            write!(f, " metric {}", route.metric)?;
        }
        let family = route.prefix.family();
        let length = length(&AllLegs(family, " ", legs));
        let separator = if length <= MAX_LEGS_TEXT { " " } else { "\n\t" };
        AllLegs(family, separator, legs).fmt(f)
    }
}

/// The legs of a route of this family, each after a separator.
struct AllLegs<'a>(Family, &'static str, &'a [RouteLeg]);

impl fmt::Display for AllLegs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(family, separator, legs) = self;
        for leg in *legs {
            let hop = HopText(leg.next_hop, Some(*family));
            write!(f, "{separator}nexthop{hop} weight {}", leg.weight)?;
        }
        Ok(())
    }
}

/// Checks that a line as the device prints it fits in a line that the device accepts. Otherwise a
/// saved table could not be loaded.
///
/// Errors: [`LineError::PrintedTooLong`].
fn check_length(text: &impl fmt::Display) -> Result<(), LineError<'static>> {
    match length(text) {
        0..=MAX_LINE => Ok(()),
        length => Err(LineError::PrintedTooLong(length)),
    }
}

/// Returns the number of bytes of a text.
fn length(text: &impl fmt::Display) -> usize {
    let mut length = Length(0);
    // The writer cannot fail.
    let _ = write!(length, "{text}");
    length.0
}

/// The number of bytes that were written to it.
struct Length(usize);

impl fmt::Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

/// Returns the object with a number.
///
/// Errors: [`HopError::Missing`]; those of [`Table::next_object`].
pub(super) fn find(table: &Table, id: u32) -> Result<HopObject, HopError> {
    match table.next_object(id, None).map_err(HopError::Kernel)? {
        Some((number, object)) if number == id => Ok(object),
        _ => Err(HopError::Missing),
    }
}

/// Executes a command for objects. `line` is its text.
pub(super) fn execute(
    executor: &mut Executor<'_>,
    command: ObjectCommand,
    line: &str,
) -> Result<(), LineError<'static>> {
    let table = executor.file.table();
    match command {
        ObjectCommand::Show => executor.answers.append_objects().map_err(LineError::Kernel),
        ObjectCommand::Get(id) => {
            let object = find(table, id).map_err(|error| LineError::Object(id, error))?;
            let text = ObjectText(id, &object);
            let answered = executor.answers.append(format_args!("{text}\n"));
            answered.map_err(LineError::Kernel)
        }
        ObjectCommand::Set { mode, id, next_hop } => {
            executor.check_may_change()?;
            let object = match next_hop {
                Some(next_hop) => HopObject::Single(next_hop),
                None => HopObject::Group(members(line).map_err(LineError::Kernel)?),
            };
            check_length(&format_args!("{REPLACE}{}", ObjectText(id, &object)))?;
            let set = match executor.pending {
                None => table.set_object(id, mode, &object),
                Some(_) => return check_unchanged(table, mode, id, &object),
            };
            set.map_err(|error| LineError::Object(id, error))?;
            executor.file.stats().changes.add(1);
            Ok(())
        }
        ObjectCommand::Delete(id) => {
            executor.check_may_change()?;
            if executor.pending.is_some() {
                return Err(LineError::ObjectInTransaction);
            }
            let removed = table.remove_object(id);
            removed.map_err(|error| LineError::Object(id, error))?;
            executor.file.stats().changes.add(1);
            Ok(())
        }
    }
}

/// Accepts a line in a transaction that would change nothing, because a dump of the whole table has
/// such lines.
fn check_unchanged(
    table: &Table,
    mode: Mode,
    id: u32,
    object: &HopObject,
) -> Result<(), LineError<'static>> {
    let is_equal = find(table, id).is_ok_and(|existing| existing == *object);
    match mode {
        Mode::Replace if is_equal => Ok(()),
        _ => Err(LineError::ObjectInTransaction),
    }
}

/// Returns the members of the group that a line describes.
///
/// Errors: `ENOMEM`.
fn members(line: &str) -> Result<KVec<Member>> {
    let mut members = KVec::new();
    for (id, weight) in object::members(line) {
        members.push(Member { id, weight }, GFP_KERNEL_ACCOUNT)?;
    }
    Ok(members)
}
