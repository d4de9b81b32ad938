// SPDX-License-Identifier: GPL-2.0

//! Multipath routes: routes with several next hops of their own, the legs. Each flow uses one leg.
//!
//! The legs are the contents of a nameless next-hop object: one without a number. Routes with the
//! same legs share one object, and its last user removes it.

use super::{
    fib::gfp,
    hop_objects::{contents, Contents, Target},
    next_hop::{HopId, NextHop, MAX_LEGS},
    table::TableState,
    Table,
};
use crate::rcu::read_lock;
use kernel::{prelude::*, sync::Arc};

/// A leg of a multipath route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteLeg {
    /// The next hop, which is not [`NextHop::Object`].
    pub next_hop: NextHop,
    /// The share of the flows, from 1.
    pub weight: u16,
}

/// The legs of multipath routes. The table keeps them while this or a route uses them.
pub struct Multipath {
    table: Arc<Table>,
    id: HopId,
}

impl Multipath {
    /// Finds or creates the legs in a table.
    ///
    /// Errors: `EINVAL` unless there are 2 to [`MAX_LEGS`] legs with weights, none of them an object; `ENOSPC` if the table
    /// has too many objects; `ENOMEM`; `EINTR` if a fatal signal ends the wait for the updaters'
    /// mutex. Context: may sleep; waits for a grace period if too much memory awaits reclaim.
    pub fn new(table: Arc<Table>, legs: &[RouteLeg]) -> Result<Self> {
        let is_object = |leg: &RouteLeg| matches!(leg.next_hop, NextHop::Object(_));
        let is_wrong = |leg: &RouteLeg| leg.weight == 0 || is_object(leg);
        if !(2..=MAX_LEGS).contains(&legs.len()) || legs.iter().any(is_wrong) {
            return Err(EINVAL);
        }
        let mut targets = KVec::with_capacity(legs.len(), gfp())?;
        for leg in legs {
            targets.push((leg.weight, Target::Hop(leg.next_hop)), gfp())?;
        }
        let new = contents(&table.account, false, &targets)?;
        let mut state = table.lock()?;
        let id = loop {
            if let Some(id) = table.find_legs(&state, &new) {
                break id;
            }
            let objects = &mut state.answers.objects;
            match objects.insert_nameless(&table.objects, new.digest()) {
                Err(error) if error == EAGAIN => state = table.wait_for_slots(state)?,
                inserted => {
                    let id = inserted?;
                    // The slot is empty. No reader knows it, so nothing has changed yet.
                    drop(objects.publish(&table.objects, id, new));
                    break id;
                }
            }
        };
        state.answers.objects.hold(&NextHop::Object(id));
        drop(state);
        table.wait_if_over_limit();
        Ok(Self { table, id })
    }

    /// Returns whether an object is a group of members with these next hops and weights.
    ///
    /// Errors: `EINTR` if a fatal signal ends the wait for the updaters' mutex. Context: may sleep.
    pub fn is_equal_to(&self, object: HopId) -> Result<bool> {
        let state = self.table.lock()?;
        let find = |id| state.answers.objects.find(id).map(|entry| entry.slot);
        let (Some(own), Some(other)) = (find(self.id), find(object)) else {
            return Ok(false);
        };
        let guard = read_lock();
        let get = |slot| self.table.objects.get(slot, &guard);
        let (Some(own), Some(other)) = (get(own), get(other)) else {
            return Ok(false);
        };
        let hop = |target| match target {
            Target::Hop(next_hop) => Some(next_hop),
            Target::Member(_, slot) => match get(slot)?.elements.first()?.target {
                Target::Hop(next_hop) => Some(next_hop),
                Target::Member(..) => None,
            },
        };
        let parts = |contents: &Contents| {
            let legs = contents.elements.iter();
            legs.map(|leg| (hop(leg.target), leg.weight))
                .eq(own.elements.iter().map(|leg| (hop(leg.target), leg.weight)))
        };
        Ok(other.header.is_group && parts(other))
    }

    /// Returns the next hop of a route with these legs.
    pub fn next_hop(&self) -> NextHop {
        NextHop::Object(self.id)
    }
}

impl Drop for Multipath {
    fn drop(&mut self) {
        let mut state = self.table.state.lock();
        state.answers.objects.release(&self.next_hop());
    }
}

impl Table {
    /// Returns the nameless object with equal contents.
    fn find_legs(&self, state: &TableState, wanted: &Contents) -> Option<HopId> {
        let guard = read_lock();
        let mut equals = state.answers.objects.nameless(wanted.digest());
        equals.find_map(|entry| {
            let contents = self.objects.get(entry.slot, &guard)?;
            contents.is_equal(wanted).then_some(entry.id)
        })
    }

    /// Returns the legs of a multipath route; none if no route uses them any more.
    ///
    /// Errors: `ENOMEM`; `EINTR` if a fatal signal ends the wait for the updaters' mutex. Context:
    /// may sleep.
    pub fn legs_of(&self, id: HopId) -> Result<KVec<RouteLeg>> {
        let mut legs = KVec::new();
        loop {
            let len = self.copy_legs(id, &mut legs)?;
            if len <= legs.capacity() {
                return Ok(legs);
            }
            legs = KVec::with_capacity(len, gfp())?;
        }
    }

    /// Copies the legs of a multipath route if `legs` has room for them. Returns their number.
    ///
    /// Allocates nothing, because updaters must not wait for the memory of a reader.
    fn copy_legs(&self, id: HopId, legs: &mut KVec<RouteLeg>) -> Result<usize> {
        let state = self.lock()?;
        let guard = read_lock();
        let entry = state.answers.objects.find(id);
        let contents = entry.and_then(|entry| self.objects.get(entry.slot, &guard));
        let all = contents.map_or(&[][..], |contents| &contents.elements);
        if all.len() > legs.capacity() {
            return Ok(all.len());
        }
        for leg in all {
            if let Target::Hop(next_hop) = leg.target {
                let weight = leg.weight;
                let _ = legs.push_within_capacity(RouteLeg { next_hop, weight });
            }
        }
        Ok(all.len())
    }
}
