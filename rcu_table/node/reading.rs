// SPDX-License-Identifier: GPL-2.0

//! What is in a node, for readers and updaters.

use super::{
    common_depth, Entry, Link, Node, Slot, BEFORE, BITS, FANOUT, FLAT_LINKS, FLAT_RUNS, FRESH,
    GROUP, GROUPS, METRICS, PACKED_RUNS, STARTS, STRIDE,
};
use crate::rcu_table::stats::Footprint;
use core::{
    marker::PhantomData,
    mem::size_of,
    ptr::NonNull,
    sync::atomic::{AtomicU64, Ordering},
};

/// A node that is there for `'a`.
///
/// # Invariants
///
/// `node` is that of a live object for `'a`, with provenance for all of it.
#[derive(Clone, Copy)]
pub(in crate::rcu_table) struct NodeRef<'a> {
    pub(super) node: NonNull<Node>,
    pub(super) _live: PhantomData<&'a Node>,
}

/// What a node says of a value.
pub(in crate::rcu_table) struct Step<'a> {
    /// The next hop of the longest of the node's prefixes that covers it, or 0.
    pub(in crate::rcu_table) hop: u32,
    /// The child to go on with.
    pub(in crate::rcu_table) child: Option<&'a Link>,
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
    pub(in crate::rcu_table) fn depth(self) -> u8 {
        self.head().depth
    }

    /// The address bits that lead here; the rest is 0.
    #[inline(always)]
    pub(in crate::rcu_table) fn key(self) -> u128 {
        let at = self.head().key_at();
        // SAFETY: The address bits of every node are there.
        let [high, low] = *unsafe { self.at::<[u64; 2]>(at) };
        (u128::from(high) << 64) | u128::from(low)
    }

    /// Whether the node is on the way of the address `bits`.
    #[inline(always)]
    pub(in crate::rcu_table) fn is_above(self, bits: u128) -> bool {
        common_depth(self.key(), bits) >= self.depth()
    }

    /// [`Self::is_above`] for lookup.
    #[inline(always)]
    pub(super) fn is_on_way_of(self, [high, low]: [u64; 2]) -> bool {
        // SAFETY: The address bits of every node are there.
        let [key_high, key_low] = *unsafe { self.at::<[u64; 2]>(self.head().key_at()) };
        let beyond = |depth: u8| u64::MAX.checked_shr(u32::from(depth * STRIDE)).unwrap_or(0);
        match self.depth() {
            depth @ 0..=8 => (key_high ^ high) & !beyond(depth) == 0,
            depth => key_high == high && (key_low ^ low) & !beyond(depth - 8) == 0,
        }
    }

    /// How many routes end here.
    pub(in crate::rcu_table) fn routes(self) -> usize {
        self.head().routes()
    }

    /// How many children there are.
    pub(in crate::rcu_table) fn children(self) -> usize {
        self.head().children.into()
    }

    /// Whether a transaction made it that has not been committed.
    pub(in crate::rcu_table) fn is_fresh(self) -> bool {
        self.head().shape & FRESH != 0
    }

    /// Marks the node: from now on no reader should reach it.
    pub(in crate::rcu_table) fn poison(self) {
        self.head().poison();
    }

    /// Whether the node has been marked.
    pub(in crate::rcu_table) fn is_poisoned(self) -> bool {
        self.head().is_poisoned()
    }

    /// The memory of the whole object.
    pub(in crate::rcu_table) fn footprint(self) -> Footprint {
        self.head().footprint()
    }

    /// Looks a value up.
    #[inline(always)]
    pub(in crate::rcu_table) fn step(self, value: u8) -> Step<'a> {
        match self.head().is_flat() {
            true => self.step_flat(value),
            false => self.step_packed(value),
        }
    }

    #[inline(always)]
    fn step_packed(self, value: u8) -> Step<'a> {
        let hop = self.hop_at(value);
        let (has_child, child) = self.child_at(value);
        // SAFETY: The child is there.
        let child = has_child.then(|| unsafe { self.at::<Link>(child) });
        Step { hop, child }
    }

    /// In a packed node, the next hop of a value.
    #[inline(always)]
    fn hop_at(self, value: u8) -> u32 {
        let (number, bit) = place(value);
        let started = self.before(number) + count(self.starts(number) & (bit | (bit - 1)));
        // SAFETY: As many runs as have started are there. By the node's type invariant the first has.
        *unsafe { self.at::<u32>(PACKED_RUNS + (started - 1) * size_of::<u32>()) }
    }

    /// In a packed node, whether a value has a child, and where the link to it is.
    #[inline(always)]
    fn child_at(self, value: u8) -> (bool, usize) {
        let (number, bit) = place(value);
        let children = self.child_bits(number);
        let child = self.before(GROUPS + number) + count(children & (bit - 1));
        let links_at = self.head().bits_at() + BITS;
        (children & bit != 0, links_at + child * size_of::<Link>())
    }

    #[inline(always)]
    fn step_flat(self, value: u8) -> Step<'a> {
        let value = usize::from(value);
        // SAFETY: A flat node has a next hop for each value.
        let hop = *unsafe { self.at::<u32>(FLAT_RUNS + value * size_of::<u32>()) };
        // SAFETY: And a link.
        let child = unsafe { self.at::<Link>(FLAT_LINKS + value * size_of::<Link>()) };
        Step {
            hop,
            child: Some(child),
        }
    }

    /// The first child with at least this value, if there is one.
    pub(in crate::rcu_table) fn child_from(self, value: u8) -> Option<(u8, &'a Link)> {
        let shape = self.head().shape();
        let nth = |number: usize| {
            // SAFETY: The number is that of a child, of a flat node a value.
            unsafe { self.at::<Link>(shape.links + number * size_of::<Link>()) }
        };
        match self.head().is_flat() {
            false => {
                let (first, within) = (usize::from(value) / GROUP, usize::from(value) % GROUP);
                (first..GROUPS).find_map(|number| {
                    let skipped = if number == first { within } else { 0 };
                    let children = self.child_bits(number);
                    let bits = children >> skipped << skipped;
                    let bit = bits.trailing_zeros();
                    let rank = || {
                        let below = children & !(u64::MAX << bit);
                        self.before(GROUPS + number) + count(below)
                    };
                    (bits != 0).then(|| ((number * GROUP) as u8 + bit as u8, nth(rank())))
                })
            }
            true => (usize::from(value)..FANOUT)
                .map(|value| (value as u8, nth(value)))
                // ORDERING: Only whether there is a child is asked.
                .find(|(_, link)| !link.0.load(Ordering::Relaxed).is_null()),
        }
    }

    /// Of a packed node, where runs begin in a group.
    #[inline(always)]
    fn starts(self, number: usize) -> u64 {
        // SAFETY: A packed node has four such words here.
        *unsafe { self.at::<u64>(STARTS + number % GROUPS * size_of::<u64>()) }
    }

    /// Of a packed node, which values of a group have a child.
    #[inline(always)]
    pub(super) fn child_bits(self, number: usize) -> u64 {
        let has_bits = self.head().children != 0;
        // Not `if`: see the module's documentation. Without children it is other bits that are read, and cut.
        let at = if has_bits {
            self.head().bits_at()
        } else {
            STARTS
        };
        // SAFETY: A packed node has four words at the one place, and at the other if it has children.
        let bits = unsafe { self.at::<AtomicU64>(at + number % GROUPS * size_of::<u64>()) };
        // ORDERING: They do not change. That they are atomic keeps the compiler from making a branch of this.
        bits.load(Ordering::Relaxed) & u64::from(has_bits).wrapping_neg()
    }

    /// Of a packed node, the runs before group `number`, and the children before group `number - GROUPS`.
    #[inline(always)]
    fn before(self, number: usize) -> usize {
        // SAFETY: A packed node has as many bytes here.
        usize::from(*unsafe { self.at::<u8>(BEFORE + number % (2 * GROUPS)) })
    }

    /// Calls `visit` with the first value and the next hop of each run, of a flat node with each value.
    pub(super) fn each_run(self, mut visit: impl FnMut(u8, u32)) {
        let at = self.head().shape().runs;
        let len = match self.head().is_flat() {
            true => FANOUT,
            false => self.head().runs.into(),
        };
        // SAFETY: So many are there.
        let hops = unsafe { core::slice::from_raw_parts(self.at::<u32>(at), len) };
        if self.head().is_flat() {
            let values = hops.iter().enumerate();
            return values.for_each(|(value, hop)| visit(value as u8, *hop));
        }
        let mut hops = hops.iter();
        for number in 0..GROUPS {
            let mut starts = self.starts(number);
            while starts != 0 {
                let start = (number * GROUP) as u8 + starts.trailing_zeros() as u8;
                starts &= starts - 1;
                if let Some(hop) = hops.next() {
                    visit(start, *hop);
                }
            }
        }
    }

    /// All children, by value.
    pub(in crate::rcu_table) fn each_child(self) -> impl Iterator<Item = (u8, &'a Link)> {
        let mut next = Some(0);
        core::iter::from_fn(move || {
            let found = self.child_from(next?)?;
            next = found.0.checked_add(1);
            Some(found)
        })
    }

    /// The links to the children, of a flat node one for each value.
    pub(super) fn links(self) -> impl Iterator<Item = &'a Link> {
        let at = self.head().shape().links;
        let len = match self.head().is_flat() {
            true => FANOUT,
            false => self.children(),
        };
        // SAFETY: So many are there.
        unsafe { core::slice::from_raw_parts(self.at::<Link>(at), len) }.iter()
    }

    fn slots(self) -> &'a [Slot] {
        let at = self.head().shape().slots;
        // SAFETY: So many slots are there.
        unsafe { core::slice::from_raw_parts(self.at::<Slot>(at), self.routes()) }
    }

    /// The routes, for taking some of them.
    #[inline]
    pub(in crate::rcu_table) fn entries(self) -> Entries<'a> {
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
    pub(in crate::rcu_table) fn route(self, number: usize) -> Option<Entry> {
        self.entries().get(number)
    }

    /// The routes from number `from` on.
    pub(in crate::rcu_table) fn routes_from(self, from: usize) -> impl Iterator<Item = Entry> + 'a {
        self.entries().within(from, usize::MAX)
    }

    /// The number of the first route of a slot, or of what stands where it would.
    pub(in crate::rcu_table) fn position(self, slot: Slot) -> usize {
        self.slots().partition_point(|other| *other < slot)
    }

    /// The route that serves `value`: the longest prefix, and the lowest metric.
    pub(in crate::rcu_table) fn serving(self, value: u8) -> Option<Entry> {
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
pub(in crate::rcu_table) struct Entries<'a> {
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
    pub(in crate::rcu_table) fn get(self, number: usize) -> Option<Entry> {
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
