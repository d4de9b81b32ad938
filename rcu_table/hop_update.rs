// SPDX-License-Identifier: GPL-2.0

//! Changes of next-hop objects. One store replaces the next hop of all routes that name an object.

use super::{
    fib::gfp,
    hop_index::{Entry, HopIndex},
    hop_objects::{contents, Contents, Target},
    monitor::Change,
    next_hop::{HopId, NextHop, MAX_LEGS},
    table::TableState,
    Mode, Table,
};
use crate::rcu::{read_lock, UniqueRcuBox};
use core::fmt;
use kernel::prelude::*;

/// A member of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The number of the object.
    pub id: u32,
    /// The share of the flows, from 1.
    pub weight: u16,
}

/// The contents of a next-hop object.
#[derive(Debug, PartialEq, Eq)]
pub enum HopObject {
    /// One next hop.
    Single(NextHop),
    /// Several objects, of which each flow uses one.
    Group(KVec<Member>),
}

/// The reason why an object was not changed. The sentences are Linux's where it has the same error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HopError {
    /// `add` of an object that exists: `EEXIST`.
    Exists,
    /// No object has the number: `ENOENT`.
    Missing,
    /// No object has the number of that member: `EINVAL`.
    NoMember(u32),
    /// That member is a group: `EINVAL`.
    MemberIsGroup(u32),
    /// That member discards packets, and the group has another one: `EINVAL`.
    MemberDiscards(u32),
    /// The object with that number is a member twice: `EINVAL`.
    MemberTwice(u32),
    /// The group has no members, or more than [`MAX_LEGS`]: `EINVAL`.
    GroupSize,
    /// A weight is 0, or the next hop of an object is another object: `EINVAL`.
    Contents,
    /// A group cannot replace a single next hop: `EINVAL`.
    SingleBecomesGroup,
    /// A single next hop cannot replace a group: `EINVAL`.
    GroupBecomesSingle,
    /// A member of a group cannot begin to discard packets: `EINVAL`.
    DiscardsInGroup,
    /// The object has users: `EBUSY`. The number counts groups and metrics of routes.
    InUse(u32),
    /// The table has too many objects: `ENOSPC`.
    Full,
    /// Memory is short, or a fatal signal has ended the wait for the updaters' mutex.
    Kernel(Error),
}

impl HopError {
    /// Returns the errno, which is Linux's except for [`Self::InUse`].
    pub fn errno(self) -> Error {
        match self {
            Self::Exists => EEXIST,
            Self::Missing => ENOENT,
            Self::InUse(_) => EBUSY,
            Self::Full => ENOSPC,
            Self::Kernel(error) => error,
            _ => EINVAL,
        }
    }
}

impl From<Error> for HopError {
    fn from(error: Error) -> Self {
        match error {
            error if error == ENOSPC => Self::Full,
            error => Self::Kernel(error),
        }
    }
}

impl fmt::Display for HopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists => f.write_str("nexthop exists; 'replace' changes it"),
            Self::Missing => f.write_str("Nexthop id does not exist"),
            Self::NoMember(id) => write!(f, "Invalid nexthop id: {id} does not exist"),
            Self::MemberIsGroup(id) => {
                write!(
                    f,
                    "Hash-threshold group can not be a nexthop within a group: {id}"
                )
            }
            Self::MemberDiscards(id) => write!(
                f,
                "Blackhole nexthop can not be used in a group with more than 1 path: {id}"
            ),
            Self::MemberTwice(id) => {
                write!(f, "Nexthop id can not be used twice in a group: {id}")
            }
            Self::GroupSize => write!(f, "a group has 1 to {MAX_LEGS} members"),
            Self::Contents => {
                f.write_str("a weight is 0, or the next hop of an object is another object")
            }
            Self::SingleBecomesGroup => {
                f.write_str("Can not replace a nexthop with a nexthop group.")
            }
            Self::GroupBecomesSingle => {
                f.write_str("Can not replace a nexthop group with a nexthop.")
            }
            Self::DiscardsInGroup => f.write_str(
                "Blackhole nexthop can not be a member of a group with more than one path",
            ),
            Self::InUse(users) => write!(
                f,
                "in use by {users} groups or metrics of routes; delete these first, or 'replace' it"
            ),
            Self::Full => f.write_str("too many next-hop objects"),
            Self::Kernel(error) if *error == ENOMEM => f.write_str("out of memory"),
            Self::Kernel(error) => write!(f, "errno {}", -error.to_errno()),
        }
    }
}

/// Returns whether the contents discard packets.
fn discards(contents: &Contents) -> bool {
    let first = contents.elements.first();
    first.is_some_and(|leg| leg.target == Target::Hop(NextHop::Blackhole))
}

impl Table {
    /// Adds or replaces the next-hop object with the number `id`. Readers see the old or the new
    /// contents. One store replaces the next hop of all routes that name the object.
    ///
    /// Errors: see [`HopError`]; nothing has changed then. Context: may sleep; waits for a grace
    /// period if too much memory or too many deleted objects await reclaim.
    pub fn set_object(&self, id: u32, mode: Mode, new: &HopObject) -> Result<(), HopError> {
        let mut state = self.lock()?;
        let mut done = self.change_object(&mut state, id, mode, new);
        while done == Err(HopError::Kernel(EAGAIN)) {
            state = self.wait_for_slots(state)?;
            done = self.change_object(&mut state, id, mode, new);
        }
        drop(state);
        done?;
        self.wait_if_over_limit();
        Ok(())
    }

    /// Adds or replaces an object.
    ///
    /// Errors: those of [`Self::set_object`]; `EAGAIN` as [`HopIndex::insert`].
    /// Context: may sleep.
    fn change_object(
        &self,
        state: &mut TableState,
        number: u32,
        mode: Mode,
        new: &HopObject,
    ) -> Result<(), HopError> {
        let id = HopId::new(number);
        let existing = state.answers.objects.find(id).copied();
        match (mode, &existing) {
            (Mode::Add, Some(_)) => return Err(HopError::Exists),
            (Mode::Change, None) => return Err(HopError::Missing),
            _ => (),
        }
        let new_contents = self.build(&state.answers.objects, new)?;
        let guard = read_lock();
        let old = existing.and_then(|entry| self.objects.get(entry.slot, &guard));
        if let Some(old) = old {
            match (old.header.is_group, new_contents.header.is_group) {
                (false, true) => return Err(HopError::SingleBecomesGroup),
                (true, false) => return Err(HopError::GroupBecomesSingle),
                _ if old.is_equal(&new_contents) => {
                    drop(guard);
                    state.unchanged += 1;
                    return Ok(());
                }
                _ => (),
            }
        }
        drop(guard);
        let in_groups = existing.is_some_and(|entry| entry.groups > 0);
        if in_groups && discards(&new_contents) {
            return Err(HopError::DiscardsInGroup);
        }
        let objects = &mut state.answers.objects;
        let slot = match existing {
            Some(entry) => entry.slot,
            None => objects.insert(&self.objects, number, new_contents.header.is_group)?,
        };
        self.publish(state, id, slot, new_contents);
        Ok(())
    }

    /// Publishes the contents of a slot, and updates the users of the members.
    fn publish(&self, state: &mut TableState, id: HopId, slot: u32, new: UniqueRcuBox<Contents>) {
        for leg in &new.elements {
            if let Target::Member(member, _) = leg.target {
                state.answers.objects.join(member);
            }
        }
        self.leave_members(&mut state.answers.objects, slot);
        let single = match new.elements.first().map(|leg| leg.target) {
            Some(Target::Hop(next_hop)) => Some(next_hop),
            _ => None,
        };
        let old = state.answers.objects.publish(&self.objects, id, new);
        self.count_change(core::iter::once(Change::Object(id, single)));
        drop(old);
    }

    /// Removes the group in a slot, if there is one, from the users of its members.
    fn leave_members(&self, objects: &mut HopIndex, slot: u32) {
        let guard = read_lock();
        let legs = self.objects.get(slot, &guard);
        for leg in legs.map_or(&[][..], |contents| &contents.elements) {
            if let Target::Member(member, _) = leg.target {
                objects.leave(member);
            }
        }
    }

    /// Builds the contents of an object.
    fn build(
        &self,
        objects: &HopIndex,
        new: &HopObject,
    ) -> Result<UniqueRcuBox<Contents>, HopError> {
        match new {
            HopObject::Single(NextHop::Object(_)) => Err(HopError::Contents),
            HopObject::Single(next_hop) => {
                let leg = (1, Target::Hop(*next_hop));
                Ok(contents(&self.account, false, &[leg])?)
            }
            HopObject::Group(members) => {
                if members.is_empty() || members.len() > MAX_LEGS {
                    return Err(HopError::GroupSize);
                }
                if members.iter().any(|member| member.weight == 0) {
                    return Err(HopError::Contents);
                }
                let mut legs = KVec::with_capacity(members.len(), gfp()).map_err(Error::from)?;
                for (at, member) in members.iter().enumerate() {
                    if members[..at].iter().any(|other| other.id == member.id) {
                        return Err(HopError::MemberTwice(member.id));
                    }
                    let target = self.member(objects, member.id, members.len())?;
                    let _ = legs.push_within_capacity((member.weight, target));
                }
                Ok(contents(&self.account, true, &legs)?)
            }
        }
    }

    /// Checks that an object can be a member of a group of `len` members.
    fn member(&self, objects: &HopIndex, id: u32, len: usize) -> Result<Target, HopError> {
        let entry = objects.find(HopId::new(id)).ok_or(HopError::NoMember(id))?;
        let guard = read_lock();
        let contents = self.objects.get(entry.slot, &guard);
        let contents = contents.ok_or(HopError::NoMember(id))?;
        if contents.header.is_group {
            return Err(HopError::MemberIsGroup(id));
        }
        if len > 1 && discards(contents) {
            return Err(HopError::MemberDiscards(id));
        }
        Ok(Target::Member(entry.id, entry.slot))
    }

    /// Removes the next-hop object with the number `id`.
    ///
    /// Errors: [`HopError::InUse`] if a route or a group uses it, also one of a reload that has not
    /// been committed; [`HopError::Missing`]. Context: may sleep; waits for a grace period if too
    /// much memory awaits reclaim.
    pub fn remove_object(&self, id: u32) -> Result<(), HopError> {
        let id = HopId::new(id);
        let mut state = self.lock()?;
        let entry = state.answers.objects.find(id).copied();
        let entry = entry.ok_or(HopError::Missing)?;
        if entry.users > 0 {
            return Err(HopError::InUse(entry.users));
        }
        self.leave_members(&mut state.answers.objects, entry.slot);
        self.count_change(core::iter::once(Change::ObjectRemoved(id)));
        state.answers.objects.remove(&self.objects, id);
        drop(state);
        self.wait_if_over_limit();
        Ok(())
    }

    /// Returns a copy of the object with the lowest number that is at least `from`, and its number.
    /// With `is_group` it skips the groups, or the other objects.
    ///
    /// Errors: `ENOMEM`; `EINTR` if a fatal signal ends the wait for the updaters' mutex. Context:
    /// may sleep.
    pub fn next_object(
        &self,
        from: u32,
        is_group: Option<bool>,
    ) -> Result<Option<(u32, HopObject)>> {
        let mut members = KVec::new();
        loop {
            let Some((number, legs)) = self.copy_object(from, is_group, &mut members)? else {
                return Ok(None);
            };
            match legs.single {
                Some(next_hop) => return Ok(Some((number, HopObject::Single(next_hop)))),
                None if legs.len <= members.capacity() => {
                    return Ok(Some((number, HopObject::Group(members))));
                }
                // Another updater can replace the group before the next attempt.
                None => members = KVec::with_capacity(legs.len, gfp())?,
            }
        }
    }

    /// Finds the object that [`Self::next_object`] returns, and copies its members as
    /// [`Self::legs`].
    ///
    /// Allocates nothing, because updaters must not wait for the memory of a reader.
    fn copy_object(
        &self,
        from: u32,
        is_group: Option<bool>,
        members: &mut KVec<Member>,
    ) -> Result<Option<(u32, Legs)>> {
        let state = self.lock()?;
        let mut named = state.answers.objects.named_from(from);
        let is_wanted = |entry: &Entry| is_group.iter().all(|wanted| entry.is_group == *wanted);
        let found = named.find(|(_, entry)| is_wanted(entry));
        Ok(found.map(|(number, entry)| (number, self.legs(entry.slot, members))))
    }

    /// Copies the members of an object, up to the capacity of `members`. Allocates nothing.
    fn legs(&self, slot: u32, members: &mut KVec<Member>) -> Legs {
        let guard = read_lock();
        let legs = self.objects.get(slot, &guard);
        let legs = legs.map_or(&[][..], |contents| &contents.elements);
        let mut single = None;
        for leg in legs {
            match leg.target {
                Target::Hop(next_hop) => single = Some(next_hop),
                Target::Member(id, _) => {
                    let id = id.number().unwrap_or(0);
                    let weight = leg.weight;
                    let _ = members.push_within_capacity(Member { id, weight });
                }
            }
        }
        Legs {
            len: legs.len(),
            single,
        }
    }

    /// Returns the next hop of the object with the number `id`; none for a group or without such an
    /// object.
    ///
    /// Errors: as [`Self::next_object`]. Context: may sleep.
    pub fn single_object(&self, id: HopId) -> Result<Option<NextHop>> {
        let state = self.lock()?;
        let entry = state.answers.objects.find(id);
        Ok(entry.and_then(|entry| {
            let guard = read_lock();
            let contents = self.objects.get(entry.slot, &guard)?;
            match contents.elements.first()?.target {
                Target::Hop(next_hop) if contents.elements.len() == 1 => Some(next_hop),
                _ => None,
            }
        }))
    }
}

/// A summary of the legs of an object.
struct Legs {
    len: usize,
    /// The next hop of an object that is no group.
    single: Option<NextHop>,
}
