// SPDX-License-Identifier: GPL-2.0

//! Statistics of a table and of reclaim.

use core::{
    mem::size_of,
    sync::atomic::{AtomicUsize, Ordering},
};

/// Objects retired and not yet reclaimed, summed over all tables: a callback can run after its
/// table was freed.
static RETIRED_OBJECTS: AtomicUsize = AtomicUsize::new(0);
static RETIRED_BYTES: AtomicUsize = AtomicUsize::new(0);
/// The retired objects that are in quarantine.
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
    /// Returns the footprint of one RCU-protected object whose value has that many bytes.
    ///
    /// `kmalloc()` rounds the size up to a power of two, or to 96 or 192.
    pub(super) const fn of_object(value: usize) -> Self {
        const RCU_HEAD: usize = 2 * size_of::<usize>();
        let bytes = match RCU_HEAD + value {
            65..=96 => 96,
            129..=192 => 192,
            size => size.next_power_of_two(),
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

/// Counts objects as retired.
pub(super) fn retired(footprint: Footprint) {
    RETIRED_OBJECTS.fetch_add(footprint.objects, Ordering::Relaxed);
    RETIRED_BYTES.fetch_add(footprint.bytes, Ordering::Relaxed);
}

/// Returns the number of bytes that await reclaim.
pub(super) fn retired_bytes() -> usize {
    RETIRED_BYTES.load(Ordering::Relaxed)
}

/// Counts retired objects as reclaimed.
pub(super) fn reclaimed(footprint: Footprint) {
    RETIRED_OBJECTS.fetch_sub(footprint.objects, Ordering::Relaxed);
    RETIRED_BYTES.fetch_sub(footprint.bytes, Ordering::Relaxed);
    RECLAIMED_OBJECTS.fetch_add(footprint.objects, Ordering::Relaxed);
}

pub(super) fn entered_quarantine(footprint: Footprint) {
    QUARANTINED_OBJECTS.fetch_add(footprint.objects, Ordering::Relaxed);
}

/// Counts objects in quarantine as reclaimed.
pub(super) fn left_quarantine(footprint: Footprint) {
    QUARANTINED_OBJECTS.fetch_sub(footprint.objects, Ordering::Relaxed);
    reclaimed(footprint);
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
    /// Distinct next hops in use.
    pub next_hops: usize,
    /// Nodes in use.
    pub objects: usize,
    /// Bytes of these nodes, as the allocator rounds them.
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
}

impl Stats {
    /// Returns the part that all tables share.
    pub(super) fn of_reclaim() -> Self {
        Self {
            retired_objects: RETIRED_OBJECTS.load(Ordering::Relaxed),
            retired_bytes: RETIRED_BYTES.load(Ordering::Relaxed),
            reclaimed_objects: RECLAIMED_OBJECTS.load(Ordering::Relaxed),
            ..Self::default()
        }
    }

    /// Returns each value with its name, in the order in which they are shown.
    pub fn rows(&self) -> [(&'static str, u64); 11] {
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
        ]
    }
}
