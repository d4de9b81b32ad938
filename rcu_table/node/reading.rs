// SPDX-License-Identifier: GPL-2.0

//! Reading a node, for readers and updaters.

use super::{
    bytes::{equal, repeated},
    common_depth, Entry, Link, Node, Slot, BITS, FANOUT, FEW, FLAT_LINKS, FRESH, GROUP, GROUPS,
    HOPS, METRICS, STRIDE,
};
use crate::rcu_table::stats::Footprint;
use core::{marker::PhantomData, mem::size_of, ptr::NonNull};

/// A reference to a node that is live for `'a`.
///
/// # Invariants
///
/// `node` points to a node that is live for `'a`, with provenance for its whole object.
#[derive(Clone, Copy)]
pub(in super::super) struct NodeRef<'a> {
    pub(super) node: NonNull<Node>,
    pub(super) _live: PhantomData<&'a Node>,
}

/// The next hop and the child of a value in a node.
pub(in super::super) struct Step<'a> {
    /// The next hop of the longest prefix in the node that covers the value, or 0.
    pub(in super::super) hop: u32,
    /// The link to the next node; it may be null.
    pub(in super::super) child: Option<&'a Link>,
}

impl<'a> NodeRef<'a> {
    /// Returns the node at an address that a link holds.
    #[inline(always)]
    pub(super) fn from_raw(node: *mut Node) -> Option<Self> {
        // INVARIANT: A link holds live nodes. The caller has a guard or the right to change the
        // trie for `'a`, which keeps them live.
        NonNull::new(node).map(|node| Self {
            node,
            _live: PhantomData,
        })
    }

    #[inline(always)]
    pub(super) fn head(self) -> &'a Node {
        // SAFETY: By the type invariant the node is live. Except for an atomic, its fixed part does
        // not change while a reference to it is in use.
        unsafe { self.node.as_ref() }
    }

    /// Returns the `T` at `offset` bytes from the node's beginning.
    ///
    /// # Safety
    ///
    /// [`Shape`](super::Shape) places a `T` at that offset.
    #[inline(always)]
    unsafe fn at<T>(self, offset: usize) -> &'a T {
        // SAFETY: By the type invariant the object is live and the pointer is valid for all of it.
        // The caller guarantees that a `T` is there. It is initialised, and changes only if it is
        // atomic.
        unsafe { &*self.node.as_ptr().cast::<u8>().add(offset).cast::<T>() }
    }

    /// Returns the number of address bytes that lead to the node.
    #[inline(always)]
    pub(in super::super) fn depth(self) -> u8 {
        self.head().depth
    }

    /// Returns the address bits that lead to the node; the other bits are 0.
    #[inline(always)]
    pub(in super::super) fn key(self) -> u128 {
        let [high, low] = self.head().key;
        (u128::from(high) << 64) | u128::from(low)
    }

    /// Returns whether the node is on the path of the address `bits`.
    #[inline(always)]
    pub(in super::super) fn is_above(self, bits: u128) -> bool {
        common_depth(self.key(), bits) >= self.depth()
    }

    /// [`Self::is_above`] for lookup.
    #[inline(always)]
    pub(super) fn is_on_path_of(self, [high, low]: [u64; 2]) -> bool {
        let [key_high, key_low] = self.head().key;
        let beyond = |depth: u8| u64::MAX.checked_shr(u32::from(depth * STRIDE)).unwrap_or(0);
        match self.depth() {
            depth @ 0..=8 => (key_high ^ high) & !beyond(depth) == 0,
            depth => key_high == high && (key_low ^ low) & !beyond(depth - 8) == 0,
        }
    }

    /// Returns the number of routes in the node.
    pub(in super::super) fn routes(self) -> usize {
        self.head().routes()
    }

    /// Returns the number of children.
    pub(in super::super) fn children(self) -> usize {
        self.head().children.into()
    }

    /// Returns whether a transaction that has not been committed has built the node.
    pub(in super::super) fn is_fresh(self) -> bool {
        self.head().shape & FRESH != 0
    }

    /// Marks the node: from now on no reader must reach it.
    pub(in super::super) fn poison(self) {
        self.head().poison();
    }

    /// Returns whether the node has been marked.
    pub(in super::super) fn is_poisoned(self) -> bool {
        self.head().is_poisoned()
    }

    /// Returns the memory of the whole object.
    pub(in super::super) fn footprint(self) -> Footprint {
        self.head().footprint()
    }

    /// Looks up a value.
    #[inline]
    pub(in super::super) fn step(self, value: u8) -> Step<'a> {
        match (self.head().is_flat(), self.head().children) {
            (true, _) => self.step_flat(value),
            (false, 0) => Step {
                hop: self.hop_of(value),
                child: None,
            },
            (false, _) => Step {
                hop: self.hop_of(value),
                child: self.child_of(value),
            },
        }
    }

    /// Looks up a value in a flat node.
    #[inline(always)]
    pub(super) fn step_flat(self, value: u8) -> Step<'a> {
        let value = usize::from(value);
        // SAFETY: A flat node has a next hop for each value.
        let hop = *unsafe { self.at::<u32>(HOPS + value * size_of::<u32>()) };
        // SAFETY: A flat node has a link for each value.
        let child = unsafe { self.at::<Link>(FLAT_LINKS + value * size_of::<Link>()) };
        Step {
            hop,
            child: Some(child),
        }
    }

    /// Returns the next hop of a value in a packed node.
    #[inline(always)]
    pub(super) fn hop_of(self, value: u8) -> u32 {
        let (group, bit) = place(value);
        let begun = self.head().starts[group % GROUPS] & (bit | (bit - 1));
        let number = usize::from(self.head().before[group % GROUPS]) + count(begun);
        // SAFETY: `number` runs begin at or before the value, and each run has a next hop. `number`
        // is not 0, because by the node's type invariant the first run begins at 0.
        *unsafe { self.at::<u32>(HOPS + (number - 1) * size_of::<u32>()) }
    }

    /// Returns the link to the child of a value in a packed node with children.
    #[inline(always)]
    pub(super) fn child_of(self, value: u8) -> Option<&'a Link> {
        let index = usize::from(self.head().index);
        if self.head().has_few_children() {
            let found = equal(repeated(value), self.listed_children(index));
            let number = found.trailing_zeros() as usize / 8;
            let at = index + FEW + number * size_of::<Link>();
            // SAFETY: Each listed child has a link. The bytes that fill up the list repeat the
            // first value, so the search finds the first child instead of them.
            return (found != 0).then(|| unsafe { self.at::<Link>(at) });
        }
        let (group, bit) = place(value);
        let children = self.child_bits(index, group);
        let number = self.children_before(index, group) + count(children & (bit - 1));
        let at = index + BITS + size_of::<u64>() + number * size_of::<Link>();
        // SAFETY: The bit is set, so the child has a link.
        (children & bit != 0).then(|| unsafe { self.at::<Link>(at) })
    }

    /// Returns the values of few children. The first child's value fills up the eight bytes.
    #[inline(always)]
    fn listed_children(self, index: usize) -> u64 {
        // SAFETY: Eight bytes list the values of few children.
        *unsafe { self.at::<u64>(index) }
    }

    /// Returns the bitmap of many children for a group of values.
    #[inline(always)]
    fn child_bits(self, index: usize, group: usize) -> u64 {
        // SAFETY: The bitmap of many children has a word for each of four groups.
        *unsafe { self.at::<u64>(index + group % GROUPS * size_of::<u64>()) }
    }

    /// Returns the number of children before a group, of many children.
    #[inline(always)]
    fn children_before(self, index: usize, group: usize) -> usize {
        // SAFETY: The bitmap of many children is followed by a byte for each of four groups.
        usize::from(*unsafe { self.at::<u8>(index + BITS + group % GROUPS) })
    }

    /// Returns the first child whose value is at least `value`.
    pub(in super::super) fn child_from(self, value: u8) -> Option<(u8, &'a Link)> {
        let (index, links) = (usize::from(self.head().index), self.head().links_at());
        let nth = |number: usize| {
            // SAFETY: A packed node has a link for each child, a flat node for each value.
            unsafe { self.at::<Link>(links + number * size_of::<Link>()) }
        };
        if self.head().is_flat() {
            return (usize::from(value)..FANOUT)
                .map(|value| (value as u8, nth(value)))
                .find(|(_, link)| !link.is_null());
        }
        match self.children() {
            0 => None,
            few @ 1..=FEW => {
                let values = self.listed_children(index).to_le_bytes();
                let number = values[..few].iter().position(|other| *other >= value)?;
                Some((values[number], nth(number)))
            }
            _ => {
                let (first, within) = (usize::from(value) / GROUP, usize::from(value) % GROUP);
                (first..GROUPS).find_map(|group| {
                    let skipped = if group == first { within } else { 0 };
                    let children = self.child_bits(index, group);
                    let bits = children >> skipped << skipped;
                    let bit = bits.trailing_zeros();
                    let rank = || {
                        let below = children & !(u64::MAX << bit);
                        self.children_before(index, group) + count(below)
                    };
                    (bits != 0).then(|| ((group * GROUP) as u8 + bit as u8, nth(rank())))
                })
            }
        }
    }

    /// Calls `visit` with the first value and the next hop of each run. In a flat node, each value
    /// is a run.
    pub(super) fn each_run(self, mut visit: impl FnMut(u8, u32)) {
        let len = match self.head().is_flat() {
            true => FANOUT,
            false => self.head().runs.into(),
        };
        // SAFETY: A packed node has a next hop for each run, a flat node for each value.
        let hops = unsafe { core::slice::from_raw_parts(self.at::<u32>(HOPS), len) };
        if self.head().is_flat() {
            let values = hops.iter().enumerate();
            return values.for_each(|(value, hop)| visit(value as u8, *hop));
        }
        let mut hops = hops.iter();
        for group in 0..GROUPS {
            let mut starts = self.head().starts[group];
            while starts != 0 {
                let start = (group * GROUP) as u8 + starts.trailing_zeros() as u8;
                starts &= starts - 1;
                if let Some(hop) = hops.next() {
                    visit(start, *hop);
                }
            }
        }
    }

    /// Iterates over all children by value.
    pub(in super::super) fn each_child(self) -> impl Iterator<Item = (u8, &'a Link)> {
        let mut next = Some(0);
        core::iter::from_fn(move || {
            let found = self.child_from(next?)?;
            next = found.0.checked_add(1);
            Some(found)
        })
    }

    fn slots(self) -> &'a [Slot] {
        let at = self.head().shape().slots;
        // SAFETY: The node has a slot for each route.
        unsafe { core::slice::from_raw_parts(self.at::<Slot>(at), self.routes()) }
    }

    /// Returns the routes.
    #[inline]
    pub(in super::super) fn entries(self) -> Entries<'a> {
        let (shape, len) = (self.head().shape(), self.routes());
        let metrics = match self.head().shape & METRICS {
            0 => 0,
            _ => len,
        };
        // SAFETY: The node has a next hop for each route.
        let hops = unsafe { core::slice::from_raw_parts(self.at::<u32>(shape.hops), len) };
        // SAFETY: The node has a metric for each route if metrics are stored.
        let metrics =
            unsafe { core::slice::from_raw_parts(self.at::<u32>(shape.metrics), metrics) };
        Entries {
            hops,
            metrics,
            slots: self.slots(),
        }
    }

    /// Returns route number `number`, if present.
    pub(in super::super) fn route(self, number: usize) -> Option<Entry> {
        self.entries().get(number)
    }

    /// Iterates over the routes from number `from` on.
    pub(in super::super) fn routes_from(self, from: usize) -> impl Iterator<Item = Entry> + 'a {
        self.entries().within(from, usize::MAX)
    }

    /// Returns the number of the first route of a slot, or the number that such a route would have.
    pub(in super::super) fn position(self, slot: Slot) -> usize {
        self.slots().partition_point(|other| *other < slot)
    }

    /// Returns the route that serves `value`: that of the longest prefix with the lowest metric.
    pub(in super::super) fn serving(self, value: u8) -> Option<Entry> {
        self.serving_with(value, STRIDE)
    }

    /// Returns the next hop of the longest shorter prefix that covers a slot's prefix, or 0.
    pub(super) fn serving_outside(self, slot: Slot) -> u32 {
        let bits = slot.bits().checked_sub(1);
        bits.and_then(|bits| self.serving_with(slot.first(), bits))
            .map_or(0, |entry| entry.hop)
    }

    /// Returns the route of the longest prefix that covers `value` and decides at most `bits` bits.
    fn serving_with(self, value: u8, bits: u8) -> Option<Entry> {
        (0..=bits).rev().find_map(|bits| {
            let slot = Slot::deciding(value, bits);
            let entry = self.route(self.position(slot))?;
            (entry.slot == slot).then_some(entry)
        })
    }
}

/// The routes of a node.
#[derive(Clone, Copy)]
pub(in super::super) struct Entries<'a> {
    pub(super) hops: &'a [u32],
    /// Empty if all metrics are 0.
    pub(super) metrics: &'a [u32],
    pub(super) slots: &'a [Slot],
}

impl<'a> Entries<'a> {
    /// The routes of an empty node.
    pub(super) const NONE: Self = Self {
        hops: &[],
        metrics: &[],
        slots: &[],
    };

    pub(super) fn len(self) -> usize {
        self.hops.len()
    }

    /// Returns entry number `number`, if present.
    #[inline]
    pub(in super::super) fn get(self, number: usize) -> Option<Entry> {
        Some(Entry {
            slot: *self.slots.get(number)?,
            metric: self.metrics.get(number).copied().unwrap_or(0),
            hop: *self.hops.get(number)?,
        })
    }

    /// Iterates over the entries from number `from` up to, but not including, number `to`.
    #[inline]
    pub(super) fn within(self, from: usize, to: usize) -> impl Iterator<Item = Entry> + 'a {
        (from..to.min(self.len())).filter_map(move |number| self.get(number))
    }
}

/// Returns the group of a value, and its bit in the group's word.
#[inline(always)]
fn place(value: u8) -> (usize, u64) {
    let value = usize::from(value);
    (value / GROUP, 1 << (value % GROUP))
}

/// Returns the number of set bits.
#[inline(always)]
pub(super) fn count(bits: u64) -> usize {
    bits.count_ones() as usize
}
