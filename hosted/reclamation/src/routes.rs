// SPDX-License-Identifier: GPL-2.0

//! An IPv4 route table that never changes.

use std::sync::{
    atomic::{AtomicUsize, Ordering},
    Arc,
};

/// The number of tables that are not freed yet: the current one, and those that await reclaim.
#[derive(Clone, Debug, Default)]
pub struct Versions(Arc<AtomicUsize>);

impl Versions {
    /// Returns the number of tables that are not freed.
    pub fn live(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// The next hops of all addresses, as ranges. Lookup is a binary search.
#[derive(Debug)]
pub struct Routes {
    /// The first address of each range, in order, and the next hop of the range. The first range
    /// begins at address 0.
    ranges: Vec<(u32, Option<u32>)>,
    versions: Versions,
}

impl Routes {
    /// Creates the table of routes: each has a prefix, its length and a next hop. Host bits are
    /// ignored.
    pub fn new(routes: &[(u32, u8, u32)], versions: &Versions) -> Self {
        let mut routes = routes.to_vec();
        // A longer prefix overwrites the ranges of those that cover it.
        routes.sort_by_key(|&(_, len, _)| len);
        let mut ranges = vec![(0, None)];
        for (prefix, len, next_hop) in routes {
            let host = u32::MAX.checked_shr(len.into()).unwrap_or(0);
            overwrite(&mut ranges, prefix & !host, prefix | host, next_hop);
        }
        Self::counted(ranges, versions)
    }

    /// Returns a copy in which the range of an address has another next hop.
    pub fn with(&self, address: u32, next_hop: u32) -> Self {
        let mut ranges = self.ranges.clone();
        let at = self.range(address);
        ranges[at].1 = Some(next_hop);
        Self::counted(ranges, &self.versions)
    }

    fn counted(ranges: Vec<(u32, Option<u32>)>, versions: &Versions) -> Self {
        versions.0.fetch_add(1, Ordering::SeqCst);
        Self {
            ranges,
            versions: versions.clone(),
        }
    }

    fn range(&self, address: u32) -> usize {
        self.ranges.partition_point(|&(first, _)| first <= address) - 1
    }

    /// Returns the next hop of an address.
    pub fn lookup(&self, address: u32) -> Option<u32> {
        self.ranges[self.range(address)].1
    }

    /// Returns the memory of one table.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.ranges.capacity() * size_of::<(u32, Option<u32>)>()
    }
}

impl Drop for Routes {
    fn drop(&mut self) {
        self.versions.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Gives the addresses from `first` to `last` a next hop.
fn overwrite(ranges: &mut Vec<(u32, Option<u32>)>, first: u32, last: u32, next_hop: u32) {
    let from = ranges.partition_point(|&(start, _)| start < first);
    let to = ranges.partition_point(|&(start, _)| start <= last);
    let behind = ranges[to - 1].1;
    let mut new = vec![(first, Some(next_hop))];
    if let Some(after) = last.checked_add(1) {
        if ranges.get(to).is_none_or(|&(start, _)| start != after) {
            new.push((after, behind));
        }
    }
    ranges.splice(from..to, new);
}
