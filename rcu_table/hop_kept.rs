// SPDX-License-Identifier: GPL-2.0

//! The legs of the recent changes that monitors have not read yet. Without this, the legs of a
//! deleted route would be gone before a monitor prints them.

use super::{
    fib::gfp,
    hop_index::HopIndex,
    monitor::Change,
    next_hop::{HopId, NextHop},
    table::yield_after,
};
use kernel::prelude::*;

/// The maximum number of changes whose legs are kept, as many as the ring of changes has.
const MAX_KEPT: usize = 8192;
/// The maximum memory of kept legs. Legs that several changes share count for each.
const MAX_BYTES: usize = 2 << 20;

/// The kept legs, in the order of their changes. Each one is a user of its legs.
pub(super) struct Kept {
    /// A ring with room for [`MAX_KEPT`] legs. Empty until something follows the table.
    ring: KVVec<HopId>,
    /// The index of the oldest legs in the ring.
    oldest: usize,
    len: usize,
    bytes: usize,
}

impl Kept {
    pub(super) const fn new() -> Self {
        Self {
            ring: KVVec::new(),
            oldest: 0,
            len: 0,
            bytes: 0,
        }
    }

    /// Allocates the room for kept legs.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn room() -> Result<KVVec<HopId>> {
        Ok(KVVec::from_elem(HopId::new(0), MAX_KEPT, gfp())?)
    }
}

impl HopIndex {
    /// Starts to keep legs, in this room.
    pub(super) fn start_keeping(&mut self, room: &mut KVVec<HopId>) {
        if self.kept.ring.is_empty() {
            core::mem::swap(&mut self.kept.ring, room);
        }
    }

    /// Keeps the legs of a change that is reported. The caller has not released them yet.
    ///
    /// Context: any.
    pub(super) fn keep(&mut self, change: &Change) {
        let (Change::Inserted(route) | Change::Removed(route)) = change else {
            return;
        };
        let NextHop::Object(id) = route.next_hop else {
            return;
        };
        if id.number().is_some() || self.kept.ring.is_empty() {
            return;
        }
        let bytes = self.bytes_of(id);
        while self.kept.len == MAX_KEPT || self.kept.len > 0 && self.kept.bytes + bytes > MAX_BYTES
        {
            self.drop_oldest();
        }
        self.hold(&route.next_hop);
        let at = (self.kept.oldest + self.kept.len) % MAX_KEPT;
        self.kept.ring[at] = id;
        self.kept.len += 1;
        self.kept.bytes += bytes;
    }

    fn bytes_of(&self, id: HopId) -> usize {
        self.find(id).map_or(0, |entry| entry.footprint.bytes)
    }

    /// Releases the oldest kept legs.
    fn drop_oldest(&mut self) {
        let id = self.kept.ring[self.kept.oldest];
        self.kept.bytes -= self.bytes_of(id);
        self.kept.oldest = (self.kept.oldest + 1) % MAX_KEPT;
        self.kept.len -= 1;
        self.release(&NextHop::Object(id));
    }

    /// Releases up to `max` kept legs, because nothing follows the table any more. Frees the room
    /// after the last ones.
    ///
    /// Context: may sleep.
    pub(super) fn stop_keeping(&mut self, max: usize) {
        if self.kept.ring.is_empty() {
            return;
        }
        for number in 0..max.min(self.kept.len) {
            self.drop_oldest();
            yield_after(number);
        }
        if self.kept.len == 0 {
            self.kept = Kept::new();
        }
    }
}
