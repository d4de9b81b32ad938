// SPDX-License-Identifier: GPL-2.0

//! The next-hop objects by identity, with their users. Only the holder of the table's mutex uses
//! it.

use super::{
    fib::{gfp, Account},
    hop_objects::{Contents, HopObjects, MAX_SLOTS},
    next_hop::{HopId, NextHop},
    stats::Footprint,
    table::yield_after,
};
use crate::rcu::{GracePeriod, Retired, UniqueRcuBox};
use kernel::{prelude::*, sync::Arc};

/// The maximum number of objects.
pub(super) const MAX_OBJECTS: usize = 1 << 16;

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
    /// The memory of its contents.
    footprint: Footprint,
}

/// The objects of a table.
pub(super) struct HopIndex {
    /// In the order of the identities.
    entries: KVVec<Entry>,
    /// The nameless objects by the digest of their contents, in order.
    by_digest: KVVec<(u64, HopId)>,
    /// The number of nameless objects that were ever created.
    serial: u64,
    /// The slots that were ever used are below this number.
    slots: u32,
    /// Slots that no reader uses. It has room for all slots.
    free: KVVec<u32>,
    /// Slots of deleted objects, in the order of their deletion. It has room for all slots.
    deleted: KVVec<u32>,
    /// The number of slots in `deleted` that wait for `grace_period`.
    waiting: usize,
    grace_period: GracePeriod,
    /// The number of slots that ever left `deleted`.
    recycled: u64,
    account: Arc<Account>,
}

impl HopIndex {
    pub(super) fn new(account: Arc<Account>) -> Self {
        Self {
            entries: KVVec::new(),
            by_digest: KVVec::new(),
            serial: 0,
            slots: 0,
            free: KVVec::new(),
            deleted: KVVec::new(),
            waiting: 0,
            grace_period: GracePeriod::completed(),
            recycled: 0,
            account,
        }
    }

    /// Returns the objects in the order of their identities.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns the position of an object, or that at which it belongs.
    pub(super) fn position(&self, id: HopId) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&id, |entry| entry.id)
    }

    pub(super) fn find(&self, id: HopId) -> Option<&Entry> {
        self.entries.get(self.position(id).ok()?)
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
        let at = self.position(id).ok()?;
        self.entries.get_mut(at)
    }

    /// Adds an answer to the users of the object that a next hop names.
    pub(super) fn hold(&mut self, next_hop: &NextHop) {
        if let NextHop::Object(id) = next_hop {
            if let Some(entry) = self.entry_mut(*id) {
                entry.users += 1;
            }
        }
    }

    /// Removes an answer from the users of the object that a next hop names.
    pub(super) fn release(&mut self, next_hop: &NextHop) {
        if let NextHop::Object(id) = next_hop {
            let Some(entry) = self.entry_mut(*id) else {
                return;
            };
            entry.users -= 1;
            if entry.users == 0 && id.number().is_none() {
                self.remove_nameless(*id);
            }
        }
    }

    /// Returns the nameless objects whose contents have a digest.
    pub(super) fn nameless(&self, digest: u64) -> impl Iterator<Item = &Entry> {
        let start = self.by_digest.partition_point(|(other, _)| *other < digest);
        let equals = self.by_digest[start..].iter();
        let equals = equals.take_while(move |(other, _)| *other == digest);
        equals.filter_map(|(_, id)| self.find(*id))
    }

    /// Adds a nameless object without users. Returns its identity. Its slot is empty.
    ///
    /// Errors and context: as [`Self::insert`].
    pub(super) fn insert_nameless(&mut self, objects: &HopObjects, digest: u64) -> Result<HopId> {
        self.by_digest.reserve(1, gfp())?;
        let id = HopId::nameless(self.serial);
        self.insert(objects, id, false)?;
        self.serial += 1;
        if let Some(entry) = self.entry_mut(id) {
            entry.digest = digest;
        }
        let at = self
            .by_digest
            .partition_point(|other| *other < (digest, id));
        // The room for it is reserved.
        let _ = self.by_digest.push_within_capacity((digest, id));
        self.by_digest[at..].rotate_right(1);
        Ok(id)
    }

    fn remove_nameless(&mut self, id: HopId) {
        let key = self.find(id).map(|entry| (entry.digest, id));
        let at = key.and_then(|key| self.by_digest.binary_search(&key).ok());
        if let Some(at) = at {
            self.by_digest[at..].rotate_left(1);
            self.by_digest.pop();
        }
        self.unlink(id);
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

    /// Adds an object without users, and returns its slot, which is empty.
    ///
    /// Errors: `ENOSPC` if there are too many objects; `EAGAIN` if the caller must use
    /// [`Table::wait_for_slots`](super::Table::wait_for_slots) first; `ENOMEM`. Context: may sleep.
    pub(super) fn insert(
        &mut self,
        objects: &HopObjects,
        id: HopId,
        is_group: bool,
    ) -> Result<u32> {
        let at = self.position(id).err().ok_or(EEXIST)?;
        if self.entries.len() >= MAX_OBJECTS {
            return Err(ENOSPC);
        }
        self.recycle(objects);
        self.entries.reserve(1, gfp())?;
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => self.new_slot(objects)?,
        };
        let entry = Entry {
            id,
            slot,
            is_group,
            users: 0,
            groups: 0,
            digest: 0,
            footprint: Footprint::NONE,
        };
        self.entries
            .push_within_capacity(entry)
            .map_err(|_| ENOMEM)?;
        self.entries[at..].rotate_right(1);
        Ok(slot)
    }

    fn new_slot(&mut self, objects: &HopObjects) -> Result<u32> {
        let slot = self.slots;
        if slot >= MAX_SLOTS {
            // Deleted objects occupy all slots that remain.
            return Err(EAGAIN);
        }
        let all = slot as usize + 1;
        self.free.reserve(all - self.free.len(), gfp())?;
        self.deleted.reserve(all - self.deleted.len(), gfp())?;
        objects.reserve(slot)?;
        self.slots += 1;
        Ok(slot)
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
        let Ok(at) = self.position(id) else {
            return;
        };
        self.entries[at..].rotate_left(1);
        if let Some(entry) = self.entries.pop() {
            // The slot is one of those for which there is room.
            let _ = self.deleted.push_within_capacity(entry.slot);
            self.account.retired(entry.footprint);
        }
        if self.waiting == 0 {
            self.waiting = self.deleted.len();
            self.grace_period = GracePeriod::start();
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
