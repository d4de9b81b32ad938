// SPDX-License-Identifier: GPL-2.0

//! Statistics of a table and of reclaim.

use core::sync::atomic::{AtomicUsize, Ordering};

/// The objects of all tables in quarantine.
static QUARANTINED_OBJECTS: AtomicUsize = AtomicUsize::new(0);
/// Objects reclaimed since the module was loaded.
static RECLAIMED_OBJECTS: AtomicUsize = AtomicUsize::new(0);

/// The number and memory of objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Footprint {
    pub(super) objects: usize,
    pub(super) bytes: usize,
}

impl Footprint {
    pub(super) const NONE: Self = Self {
        objects: 0,
        bytes: 0,
    };

    /// Returns the footprint of one object of that size, as `kmalloc()` rounds it: to a power of
    /// two, or to 96 or 192.
    pub(super) const fn of_object(bytes: usize) -> Self {
        let bytes = match bytes {
            65..=96 => 96,
            129..=192 => 192,
            _ if bytes > 8192 => bytes.next_multiple_of(4096),
            _ => bytes.next_power_of_two(),
        };
        Self { objects: 1, bytes }
    }

    pub(super) fn sub(&mut self, other: Footprint) {
        self.objects -= other.objects;
        self.bytes -= other.bytes;
    }

    pub(super) fn add(&mut self, other: Footprint) {
        self.objects += other.objects;
        self.bytes += other.bytes;
    }
}

// ORDERING: Statistics; nothing is published through them.

/// Counts objects of any table as reclaimed.
pub(super) fn count_reclaimed(objects: usize) {
    RECLAIMED_OBJECTS.fetch_add(objects, Ordering::Relaxed);
}

pub(super) fn entered_quarantine(objects: usize) {
    QUARANTINED_OBJECTS.fetch_add(objects, Ordering::Relaxed);
}

pub(super) fn left_quarantine(objects: usize) {
    QUARANTINED_OBJECTS.fetch_sub(objects, Ordering::Relaxed);
}

/// Returns the number of nodes of all tables in [quarantine](super::Quarantine).
///
/// Context: any.
pub fn quarantined_objects() -> usize {
    QUARANTINED_OBJECTS.load(Ordering::Relaxed)
}

/// Statistics of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// IPv4 routes.
    pub routes_inet: usize,
    /// IPv6 routes.
    pub routes_inet6: usize,
    /// Distinct pairs of next hop and metric in use.
    pub next_hops: usize,
    /// Pages and nodes, and the roots of families with routes.
    pub objects: usize,
    /// Bytes of these objects, as the allocator rounds them, and of hidden routes.
    pub bytes: usize,
    /// Bytes of the next hops.
    pub next_hop_bytes: usize,
    /// Bytes of the nodes that changes have copied since the table was created.
    pub copied_bytes: u64,
    /// Changes since the table was created.
    pub generation: u64,
    /// Objects that await reclaim.
    pub retired_objects: usize,
    /// Bytes of these objects.
    pub retired_bytes: usize,
    /// Objects reclaimed since the module was loaded.
    pub reclaimed_objects: usize,
    /// Replaces by an equal route, which changed nothing, since the table was created.
    pub unchanged: u64,
    /// Next-hop objects, also those of multipath routes.
    pub nexthop_objects: usize,
}

impl Stats {
    /// Returns the part that concerns reclaim.
    pub(super) fn of_reclaim(waiting: Footprint) -> Self {
        Self {
            retired_objects: waiting.objects,
            retired_bytes: waiting.bytes,
            reclaimed_objects: RECLAIMED_OBJECTS.load(Ordering::Relaxed),
            ..Self::default()
        }
    }

    /// Returns each value with its name, in the order in which they are shown.
    pub fn rows(&self) -> [(&'static str, u64); 13] {
        [
            ("routes_inet", self.routes_inet as u64),
            ("routes_inet6", self.routes_inet6 as u64),
            ("next_hops", self.next_hops as u64),
            ("objects", self.objects as u64),
            ("bytes", self.bytes as u64),
            ("generation", self.generation),
            ("retired_objects", self.retired_objects as u64),
            ("retired_bytes", self.retired_bytes as u64),
            ("reclaimed_objects", self.reclaimed_objects as u64),
            ("next_hop_bytes", self.next_hop_bytes as u64),
            ("copied_bytes", self.copied_bytes),
            ("unchanged", self.unchanged),
            ("nexthop_objects", self.nexthop_objects as u64),
        ]
    }
}
