// SPDX-License-Identifier: GPL-2.0

//! What is in a node, for readers and updaters.

use super::{
    bytes::{equal, repeated},
    common_depth, Entry, Link, Node, Slot, BITS, FANOUT, FEW, FLAT_LINKS, FRESH, GROUP, GROUPS,
    HOPS, METRICS, STRIDE,
};
use crate::rcu_table::stats::Footprint;
use core::{marker::PhantomData, mem::size_of, ptr::NonNull};

/// A node that is there for `'a`.
///
/// # Invariants
///
/// `node` is that of a live object for `'a`, with provenance for all of it.
#[derive(Clone, Copy)]
pub(in super::super) struct NodeRef<'a> {
    pub(super) node: NonNull<Node>,
    pub(super) _live: PhantomData<&'a Node>,
}

/// What a node says of a value.
pub(in super::super) struct Step<'a> {
    /// The next hop of the longest of the node's prefixes that covers it, or 0.
    pub(in super::super) hop: u32,
    /// The child to go on with.
    pub(in super::super) child: Option<&'a Link>,
}

impl<'a> NodeRef<'a> {
    /// What a link holds.
    #[inline(always)]
    pub(super) fn from_raw(node: *mut Node) -> Option<Self> {
        // INVARIANT: A link holds live nodes; who loaded it saw to it that they stay so for `'a`.
        NonNull::new(node).map(|node| Self {
            node,
            _live: PhantomData,
        })
    }

    #[inline(always)]
    pub(super) fn head(self) -> &'a Node {
        // SAFETY: By the type invariant the node is live, and what every node has does not change while
        // others can see it.
        unsafe { self.node.as_ref() }
    }

    /// What lies `offset` bytes behind the node's beginning.
    ///
    /// # Safety
    ///
    /// There is a `T` at that offset within the object, as [`Shape`] says.
    #[inline(always)]
    unsafe fn at<T>(self, offset: usize) -> &'a T {
        // SAFETY: By the type invariant the object is live and the pointer good for all of it; by the
        // caller's promise there is an initialised `T`, which does not change unless it is atomic.
        unsafe { &*self.node.as_ptr().cast::<u8>().add(offset).cast::<T>() }
    }

    /// How deep it is: how many bytes of the address lead here.
    #[inline(always)]
    pub(in super::super) fn depth(self) -> u8 {
        self.head().depth
    }

    /// The address bits that lead here; the rest is 0.
    #[inline(always)]
    pub(in super::super) fn key(self) -> u128 {
        let [high, low] = self.head().key;
        (u128::from(high) << 64) | u128::from(low)
    }

    /// Whether the node is on the way of the address `bits`.
    #[inline(always)]
    pub(in super::super) fn is_above(self, bits: u128) -> bool {
        common_depth(self.key(), bits) >= self.depth()
    }

    /// [`Self::is_above`] for lookup.
    #[inline(always)]
    pub(super) fn is_on_way_of(self, [high, low]: [u64; 2]) -> bool {
        let [key_high, key_low] = self.head().key;
        let beyond = |depth: u8| u64::MAX.checked_shr(u32::from(depth * STRIDE)).unwrap_or(0);
        match self.depth() {
            depth @ 0..=8 => (key_high ^ high) & !beyond(depth) == 0,
            depth => key_high == high && (key_low ^ low) & !beyond(depth - 8) == 0,
        }
    }

    /// How many routes end here.
    pub(in super::super) fn routes(self) -> usize {
        self.head().routes()
    }

    /// How many children there are.
    pub(in super::super) fn children(self) -> usize {
        self.head().children.into()
    }

    /// Whether a transaction made it that has not been committed.
    pub(in super::super) fn is_fresh(self) -> bool {
        self.head().shape & FRESH != 0
    }

    /// Marks the node: from now on no reader should reach it.
    pub(in super::super) fn poison(self) {
        self.head().poison();
    }

    /// Whether the node has been marked.
    pub(in super::super) fn is_poisoned(self) -> bool {
        self.head().is_poisoned()
    }

    /// The memory of the whole object.
    pub(in super::super) fn footprint(self) -> Footprint {
        self.head().footprint()
    }

    /// Looks a value up.
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

    /// In a flat node, all that there is of a value.
    #[inline(always)]
    pub(super) fn step_flat(self, value: u8) -> Step<'a> {
        let value = usize::from(value);
        // SAFETY: A flat node has a next hop for each value.
        let hop = *unsafe { self.at::<u32>(HOPS + value * size_of::<u32>()) };
        // SAFETY: And a link.
        let child = unsafe { self.at::<Link>(FLAT_LINKS + value * size_of::<Link>()) };
        Step {
            hop,
            child: Some(child),
        }
    }

    /// In a packed node, the next hop of a value.
    #[inline(always)]
    pub(super) fn hop_of(self, value: u8) -> u32 {
        let (group, bit) = place(value);
        let begun = self.head().starts[group % GROUPS] & (bit | (bit - 1));
        let number = usize::from(self.head().before[group % GROUPS]) + count(begun);
        // SAFETY: As many runs as have begun are there. By the node's type invariant the first has.
        *unsafe { self.at::<u32>(HOPS + (number - 1) * size_of::<u32>()) }
    }

    /// In a packed node with children, the link to that of a value.
    #[inline(always)]
    pub(super) fn child_of(self, value: u8) -> Option<&'a Link> {
        let index = usize::from(self.head().index);
        if self.head().has_few_children() {
            let found = equal(repeated(value), self.listed_children(index));
            let number = found.trailing_zeros() as usize / 8;
            let at = index + FEW + number * size_of::<Link>();
            // SAFETY: As many links are there as values are listed; what fills up the list is not found first.
            return (found != 0).then(|| unsafe { self.at::<Link>(at) });
        }
        let (group, bit) = place(value);
        let children = self.child_bits(index, group);
        let number = self.children_before(index, group) + count(children & (bit - 1));
        let at = index + BITS + size_of::<u64>() + number * size_of::<Link>();
        // SAFETY: The child is there.
        (children & bit != 0).then(|| unsafe { self.at::<Link>(at) })
    }

    /// Of a node with few children, their values, with the first one's again where there are fewer than fit.
    #[inline(always)]
    fn listed_children(self, index: usize) -> u64 {
        // SAFETY: Eight bytes list them.
        *unsafe { self.at::<u64>(index) }
    }

    /// Of a node with many children, which values of a group have one.
    #[inline(always)]
    fn child_bits(self, index: usize, group: usize) -> u64 {
        // SAFETY: There are four such words.
        *unsafe { self.at::<u64>(index + group % GROUPS * size_of::<u64>()) }
    }

    /// Of a node with many children, how many there are before a group.
    #[inline(always)]
    fn children_before(self, index: usize, group: usize) -> usize {
        // SAFETY: There are four such bytes, and more.
        usize::from(*unsafe { self.at::<u8>(index + BITS + group % GROUPS) })
    }

    /// The first child with at least this value, if there is one.
    pub(in super::super) fn child_from(self, value: u8) -> Option<(u8, &'a Link)> {
        let (index, links) = (usize::from(self.head().index), self.head().links_at());
        let nth = |number: usize| {
            // SAFETY: The number is that of a child, of a flat node a value.
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

    /// Calls `visit` with the first value and the next hop of each run, of a flat node with each value.
    pub(super) fn each_run(self, mut visit: impl FnMut(u8, u32)) {
        let len = match self.head().is_flat() {
            true => FANOUT,
            false => self.head().runs.into(),
        };
        // SAFETY: So many are there.
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

    /// All children, by value.
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
        // SAFETY: So many slots are there.
        unsafe { core::slice::from_raw_parts(self.at::<Slot>(at), self.routes()) }
    }

    /// The routes, for taking some of them.
    #[inline]
    pub(in super::super) fn entries(self) -> Entries<'a> {
        let (shape, len) = (self.head().shape(), self.routes());
        let metrics = match self.head().shape & METRICS {
            0 => 0,
            _ => len,
        };
        // SAFETY: So many next hops are there.
        let hops = unsafe { core::slice::from_raw_parts(self.at::<u32>(shape.hops), len) };
        // SAFETY: So many metrics are there.
        let metrics =
            unsafe { core::slice::from_raw_parts(self.at::<u32>(shape.metrics), metrics) };
        Entries {
            hops,
            metrics,
            slots: self.slots(),
        }
    }

    /// Route number `number`, or nothing.
    pub(in super::super) fn route(self, number: usize) -> Option<Entry> {
        self.entries().get(number)
    }

    /// The routes from number `from` on.
    pub(in super::super) fn routes_from(self, from: usize) -> impl Iterator<Item = Entry> + 'a {
        self.entries().within(from, usize::MAX)
    }

    /// The number of the first route of a slot, or of what stands where it would.
    pub(in super::super) fn position(self, slot: Slot) -> usize {
        self.slots().partition_point(|other| *other < slot)
    }

    /// The route that serves `value`: the longest prefix, and the lowest metric.
    pub(in super::super) fn serving(self, value: u8) -> Option<Entry> {
        self.serving_with(value, STRIDE)
    }

    /// The next hop of what covers a slot's prefix besides its own routes, or 0.
    pub(super) fn serving_outside(self, slot: Slot) -> u32 {
        let bits = slot.bits().checked_sub(1);
        bits.and_then(|bits| self.serving_with(slot.first(), bits))
            .map_or(0, |entry| entry.hop)
    }

    /// Of the prefixes of at most so many bits that cover `value`, the route of the longest.
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
    /// None if all are 0.
    pub(super) metrics: &'a [u32],
    pub(super) slots: &'a [Slot],
}

impl<'a> Entries<'a> {
    /// Of no node.
    pub(super) const NONE: Self = Self {
        hops: &[],
        metrics: &[],
        slots: &[],
    };

    pub(super) fn len(self) -> usize {
        self.hops.len()
    }

    /// Number `number`, or nothing.
    #[inline]
    pub(in super::super) fn get(self, number: usize) -> Option<Entry> {
        Some(Entry {
            slot: *self.slots.get(number)?,
            metric: self.metrics.get(number).copied().unwrap_or(0),
            hop: *self.hops.get(number)?,
        })
    }

    /// Those from number `from` on up to number `to`.
    #[inline]
    pub(super) fn within(self, from: usize, to: usize) -> impl Iterator<Item = Entry> + 'a {
        (from..to.min(self.len())).filter_map(move |number| self.get(number))
    }
}

/// The group of a value, and its bit there.
#[inline(always)]
fn place(value: u8) -> (usize, u64) {
    let value = usize::from(value);
    (value / GROUP, 1 << (value % GROUP))
}

/// How many bits are set.
#[inline(always)]
pub(super) fn count(bits: u64) -> usize {
    bits.count_ones() as usize
}
