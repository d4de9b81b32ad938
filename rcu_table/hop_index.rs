// SPDX-License-Identifier: GPL-2.0

//! The next-hop objects by identity, with their users. Only the holder of the table's mutex uses
//! it.
//!
//! ```text
//!   number ──► named, in order ──┐
//!   identity of nameless legs ───┼──► entries, by slot
//!   digest of nameless legs ─────┘    next slot in the bucket
//! ```
//!
//! Routes hold and release nameless legs one after the other under the mutex, so that each of these
//! steps takes constant time.

use super::{
    answers::collect,
    fib::{gfp, Account},
    hop_kept::Kept,
    hop_objects::{Contents, HopObjects, MAX_SLOTS},
    next_hop::{HopId, NextHop, SLOT_BITS},
    stats::Footprint,
    table::yield_after,
};
use crate::rcu::{GracePeriod, Retired, UniqueRcuBox};
use core::iter;
use kernel::{prelude::*, sync::Arc};

/// The maximum number of objects.
pub(super) const MAX_OBJECTS: usize = 1 << 16;

/// The number of buckets: one for each four nameless objects, if there are only these.
const BUCKETS: usize = MAX_OBJECTS / 4;
/// The slot that ends a bucket's list.
const NO_SLOT: u32 = u32::MAX;
/// The least capacity of the entries.
const MIN_LEN: usize = 64;

const _: () = assert!(MAX_SLOTS <= 1 << SLOT_BITS);

/// An object in use.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) id: HopId,
    pub(super) slot: u32,
    pub(super) is_group: bool,
    /// The number of answers and groups that use it.
    pub(super) users: u32,
    /// The number of groups among the users.
    pub(super) groups: u32,
    /// For a nameless object: the digest of its contents.
    digest: u64,
    /// For a nameless object: the next slot in its bucket.
    next: u32,
    /// The memory of its contents.
    pub(super) footprint: Footprint,
}

/// The objects of a table.
pub(super) struct HopIndex {
    /// The objects by slot. It has an element for each slot that was ever used.
    entries: KVVec<Option<Entry>>,
    /// The numbers of named objects with their slots, in order.
    named: KVVec<(u32, u32)>,
    /// The first slots of nameless objects by the digest of their contents.
    buckets: KVVec<u32>,
    /// The number of objects.
    len: usize,
    /// The number of nameless objects that were ever created.
    serial: u64,
    /// Slots that no reader uses. It has room for all slots.
    free: KVVec<u32>,
    /// Slots of deleted objects, in the order of their deletion. It has room for all slots.
    deleted: KVVec<u32>,
    /// The number of slots in `deleted` that wait for `grace_period`.
    waiting: usize,
    grace_period: GracePeriod,
    /// The number of slots that ever left `deleted`.
    recycled: u64,
    /// The legs of recent changes.
    pub(super) kept: Kept,
    account: Arc<Account>,
}

fn bucket_of(digest: u64) -> usize {
    (digest >> 32) as usize % BUCKETS
}

impl HopIndex {
    pub(super) fn new(account: Arc<Account>) -> Self {
        Self {
            entries: KVVec::new(),
            named: KVVec::new(),
            buckets: KVVec::new(),
            len: 0,
            serial: 0,
            free: KVVec::new(),
            deleted: KVVec::new(),
            waiting: 0,
            grace_period: GracePeriod::completed(),
            recycled: 0,
            kept: Kept::new(),
            account,
        }
    }

    /// Returns the number of objects.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn at(&self, slot: u32) -> Option<&Entry> {
        self.entries.get(slot as usize)?.as_ref()
    }

    /// Returns the position of a number in `named`, or that at which it belongs.
    fn position(&self, number: u32) -> Result<usize, usize> {
        self.named.binary_search_by_key(&number, |named| named.0)
    }

    /// Returns the named objects from a number on, in the order of their numbers.
    pub(super) fn named_from(&self, number: u32) -> impl Iterator<Item = (u32, &Entry)> {
        let start = self.position(number).unwrap_or_else(|at| at);
        let named = self.named[start..].iter();
        named.filter_map(move |&(number, slot)| Some((number, self.at(slot)?)))
    }

    pub(super) fn find(&self, id: HopId) -> Option<&Entry> {
        let slot = match id.number() {
            Some(number) => self.named[self.position(number).ok()?].1,
            None => id.nameless_slot()?,
        };
        self.at(slot).filter(|entry| entry.id == id)
    }

    /// Returns the slot of the object that a next hop names; 0 for other next hops.
    ///
    /// Errors: `EINVAL` if the object does not exist.
    pub(super) fn slot_of(&self, next_hop: &NextHop) -> Result<u32> {
        match next_hop {
            NextHop::Object(id) => Ok(self.find(*id).ok_or(EINVAL)?.slot),
            _ => Ok(0),
        }
    }

    fn entry_mut(&mut self, id: HopId) -> Option<&mut Entry> {
        let slot = self.find(id)?.slot;
        self.entries.get_mut(slot as usize)?.as_mut()
    }

    /// Adds an answer to the users of the object that a next hop names.
    pub(super) fn hold(&mut self, next_hop: &NextHop) {
        if let NextHop::Object(id) = next_hop {
            if let Some(entry) = self.entry_mut(*id) {
                entry.users += 1;
            }
        }
    }

    /// Removes an answer from the users of the object that a next hop names. Removes nameless legs
    /// without users.
    pub(super) fn release(&mut self, next_hop: &NextHop) {
        if let NextHop::Object(id) = next_hop {
            let Some(entry) = self.entry_mut(*id) else {
                return;
            };
            entry.users -= 1;
            if entry.users == 0 && id.number().is_none() {
                self.unlink(*id);
            }
        }
    }

    /// Returns the nameless objects whose contents have a digest.
    pub(super) fn nameless(&self, digest: u64) -> impl Iterator<Item = &Entry> {
        let first = self.buckets.get(bucket_of(digest));
        let first = first.and_then(|slot| self.at(*slot));
        let all = iter::successors(first, move |entry| self.at(entry.next));
        all.filter(move |entry| entry.digest == digest)
    }

    /// Adds a nameless object without users. Returns its identity. Its slot is empty.
    ///
    /// Errors and context: as [`Self::insert`].
    pub(super) fn insert_nameless(&mut self, objects: &HopObjects, digest: u64) -> Result<HopId> {
        if self.buckets.is_empty() {
            self.buckets = KVVec::from_elem(NO_SLOT, BUCKETS, gfp())?;
        }
        let slot = self.take_slot(objects)?;
        let id = HopId::nameless(self.serial, slot);
        self.serial += 1;
        let next = core::mem::replace(&mut self.buckets[bucket_of(digest)], slot);
        self.set(id, slot, false);
        if let Some(entry) = self.entry_mut(id) {
            (entry.digest, entry.next) = (digest, next);
        }
        Ok(id)
    }

    /// Adds a group to the users of a member.
    pub(super) fn join(&mut self, member: HopId) {
        if let Some(entry) = self.entry_mut(member) {
            (entry.users, entry.groups) = (entry.users + 1, entry.groups + 1);
        }
    }

    /// Removes a group from the users of a member.
    pub(super) fn leave(&mut self, member: HopId) {
        if let Some(entry) = self.entry_mut(member) {
            (entry.users, entry.groups) = (entry.users - 1, entry.groups - 1);
        }
    }

    /// Adds the object with a number, without users, and returns its slot, which is empty.
    ///
    /// Errors: `ENOSPC` if there are too many objects; `EAGAIN` if the caller must use
    /// [`Table::wait_for_slots`](super::Table::wait_for_slots) first; `ENOMEM`. Context: may sleep.
    pub(super) fn insert(
        &mut self,
        objects: &HopObjects,
        number: u32,
        is_group: bool,
    ) -> Result<u32> {
        let at = self.position(number).err().ok_or(EEXIST)?;
        self.named.reserve(1, gfp())?;
        let slot = self.take_slot(objects)?;
        // The room for it is reserved.
        let _ = self.named.push_within_capacity((number, slot));
        self.named[at..].rotate_right(1);
        self.set(HopId::new(number), slot, is_group);
        Ok(slot)
    }

    /// Fills the entry of a slot that was taken.
    fn set(&mut self, id: HopId, slot: u32, is_group: bool) {
        self.entries[slot as usize] = Some(Entry {
            id,
            slot,
            is_group,
            users: 0,
            groups: 0,
            digest: 0,
            next: NO_SLOT,
            footprint: Footprint::NONE,
        });
        self.len += 1;
    }

    /// Returns an unused slot.
    fn take_slot(&mut self, objects: &HopObjects) -> Result<u32> {
        if self.len >= MAX_OBJECTS {
            return Err(ENOSPC);
        }
        self.recycle(objects);
        match self.free.pop() {
            Some(slot) => Ok(slot),
            None => self.new_slot(objects),
        }
    }

    fn new_slot(&mut self, objects: &HopObjects) -> Result<u32> {
        let len = self.entries.len();
        if len >= MAX_SLOTS as usize {
            // Deleted objects occupy all slots that remain.
            return Err(EAGAIN);
        }
        self.free.reserve(len + 1 - self.free.len(), gfp())?;
        self.deleted.reserve(len + 1 - self.deleted.len(), gfp())?;
        objects.reserve(len as u32)?;
        if len >= self.entries.capacity() {
            let capacity = (len * 2).max(MIN_LEN);
            self.entries = collect(self.entries.iter().copied(), capacity)?;
        }
        self.entries
            .push_within_capacity(None)
            .map_err(|_| ENOMEM)?;
        Ok(len as u32)
    }

    /// Removes an object without users. Its contents stay until no reader uses its slot.
    ///
    /// Context: may sleep.
    pub(super) fn remove(&mut self, objects: &HopObjects, id: HopId) {
        self.unlink(id);
        self.recycle(objects);
    }

    /// Publishes the contents of an object. Returns the previous contents.
    ///
    /// Context: any.
    pub(super) fn publish(
        &mut self,
        objects: &HopObjects,
        id: HopId,
        new: UniqueRcuBox<Contents>,
    ) -> Option<Retired<Contents>> {
        let entry = self.entry_mut(id)?;
        entry.footprint = new.header.footprint;
        objects.replace(entry.slot, new)
    }

    /// Removes an object. [`Self::recycle`] empties its slot after a grace period. Until then its
    /// contents count as retired, so that a long reader stops updaters before memory runs out.
    fn unlink(&mut self, id: HopId) {
        let Some(entry) = self.find(id).copied() else {
            return;
        };
        match id.number().map(|number| self.position(number)) {
            Some(Ok(at)) => {
                self.named[at..].rotate_left(1);
                self.named.pop();
            }
            _ => self.unchain(&entry),
        }
        self.entries[entry.slot as usize] = None;
        self.len -= 1;
        // The slot is one of those for which there is room.
        let _ = self.deleted.push_within_capacity(entry.slot);
        self.account.retired(entry.footprint);
        if self.waiting == 0 {
            self.waiting = self.deleted.len();
            self.grace_period = GracePeriod::start();
        }
    }

    /// Removes a nameless object from its bucket.
    fn unchain(&mut self, entry: &Entry) {
        let first = &mut self.buckets[bucket_of(entry.digest)];
        if *first == entry.slot {
            *first = entry.next;
            return;
        }
        let mut at = *first;
        while let Some(Some(other)) = self.entries.get_mut(at as usize) {
            if other.next == entry.slot {
                other.next = entry.next;
                return;
            }
            at = other.next;
        }
    }

    /// Returns the number of objects that were ever deleted.
    pub(super) fn deletions(&self) -> u64 {
        self.recycled + self.deleted.len() as u64
    }

    /// Empties the slots whose grace period has ended, and starts a grace period for the others.
    ///
    /// Context: may sleep.
    pub(super) fn recycle(&mut self, objects: &HopObjects) {
        if self.waiting > 0 && self.grace_period.is_complete() {
            self.recycle_until(objects, self.recycled + self.waiting as u64);
        }
    }

    /// Empties the slots of the first `deletions` objects that were deleted. The caller has got
    /// that number from [`Self::deletions`], and has waited for a grace period since. Returns
    /// whether contents await callbacks now.
    ///
    /// Context: may sleep.
    pub(super) fn recycle_until(&mut self, objects: &HopObjects, deletions: u64) -> bool {
        let count = deletions.saturating_sub(self.recycled) as usize;
        for (number, slot) in self.deleted[..count].iter().enumerate() {
            yield_after(number);
            drop(objects.clear(*slot));
            let _ = self.free.push_within_capacity(*slot);
        }
        self.deleted.rotate_left(count);
        self.deleted.truncate(self.deleted.len() - count);
        self.recycled += count as u64;
        self.waiting = self.waiting.saturating_sub(count);
        if self.waiting == 0 && !self.deleted.is_empty() {
            self.waiting = self.deleted.len();
            self.grace_period = GracePeriod::start();
        }
        count > 0
    }
}
