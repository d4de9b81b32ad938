// SPDX-License-Identifier: GPL-2.0

//! What is in a node, for readers and updaters.

use super::{
    common_depth, Entry, Group, Link, Node, Slot, FANOUT, FLAT, FLAT_KEY, FRESH, GROUP, KEY,
    METRICS, PACKED, PACKED_BEFORE, PACKED_GROUPS, PACKED_KEY, STRIDE, TINY, TINY_KEY, TINY_MAX,
    TINY_STARTS, TINY_VALUES,
};
use crate::rcu_table::stats::Footprint;
use core::{marker::PhantomData, mem::size_of, ptr::NonNull, sync::atomic::Ordering};

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
        let at = Node::key_at(self.head().kind());
        // SAFETY: The address bits of every node are there.
        let [high, low] = *unsafe { self.at::<[u64; 2]>(at) };
        (u128::from(high) << 64) | u128::from(low)
    }

    /// Whether the node is on the way of the address `bits`.
    #[inline(always)]
    pub(in crate::rcu_table) fn is_above(self, bits: u128) -> bool {
        common_depth(self.key(), bits) >= self.depth()
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
        match self.head().kind() {
            TINY => self.step_tiny(value),
            PACKED => self.step_packed(value),
            _ => self.step_flat(value),
        }
    }

    #[inline(always)]
    fn step_tiny(self, value: u8) -> Step<'a> {
        let (children, runs) = (self.head().children.into(), self.head().runs.into());
        // SAFETY: A tiny node has both here.
        let starts = *unsafe { self.at::<u64>(TINY_STARTS) };
        // SAFETY: As above.
        let values = *unsafe { self.at::<u64>(TINY_VALUES) };
        let started = bytes_up_to(starts, value).min(runs);
        let child = first_byte(values, value);
        let runs_at = TINY_KEY + KEY + children * size_of::<Link>();
        self.result(
            TINY_KEY + KEY,
            (child < children).then_some(child),
            runs_at,
            started,
        )
    }

    #[inline(always)]
    fn step_packed(self, value: u8) -> Step<'a> {
        let number = usize::from(value) / GROUP;
        let bit = 1_u64 << (usize::from(value) % GROUP);
        let (group, before) = (self.group(number), self.before());
        let started = usize::from(before[number & 3]) + count(group.starts & (bit | (bit - 1)));
        let child = (group.children & bit != 0)
            .then(|| usize::from(before[4 + (number & 3)]) + count(group.children & (bit - 1)));
        let runs_at = PACKED_KEY + KEY + usize::from(self.head().children) * size_of::<Link>();
        self.result(PACKED_KEY + KEY, child, runs_at, started)
    }

    #[inline(always)]
    fn step_flat(self, value: u8) -> Step<'a> {
        let value = usize::from(value);
        let links_at = FLAT_KEY + KEY;
        let runs_at = links_at + FANOUT * size_of::<Link>();
        self.result(links_at, Some(value), runs_at, value + 1)
    }

    /// The step to child number `child`, with the `started`th run.
    #[inline(always)]
    fn result(
        self,
        links_at: usize,
        child: Option<usize>,
        runs_at: usize,
        started: usize,
    ) -> Step<'a> {
        let hop = match started.checked_sub(1) {
            // SAFETY: As many runs as have started are there, of a flat node one for each value.
            Some(run) => *unsafe { self.at::<u32>(runs_at + run * size_of::<u32>()) },
            None => 0,
        };
        let link = |child| {
            // SAFETY: The child was found among those that are there, of a flat node one for each value.
            unsafe { self.at::<Link>(links_at + child * size_of::<Link>()) }
        };
        Step {
            hop,
            child: child.map(link),
        }
    }

    /// The first child with at least this value, if there is one.
    pub(in crate::rcu_table) fn child_from(self, value: u8) -> Option<(u8, &'a Link)> {
        let shape = self.head().shape();
        let nth = |number: usize| {
            // SAFETY: The number is that of a child, of a flat node a value.
            unsafe { self.at::<Link>(shape.links + number * size_of::<Link>()) }
        };
        match self.head().kind() {
            TINY => {
                // SAFETY: A tiny node has this here.
                let values = unsafe { self.at::<[u8; TINY_MAX]>(TINY_VALUES) };
                let values = values.get(..self.children())?;
                let number = values.iter().position(|&other| other >= value)?;
                Some((values[number], nth(number)))
            }
            PACKED => {
                let (first, within) = (usize::from(value) / GROUP, usize::from(value) % GROUP);
                (first..FANOUT / GROUP).find_map(|number| {
                    let skipped = if number == first { within } else { 0 };
                    let bits = self.group(number).children >> skipped << skipped;
                    let bit = bits.trailing_zeros();
                    let rank = || {
                        let below = self.group(number).children & !(u64::MAX << bit);
                        usize::from(self.before()[4 + (number & 3)]) + count(below)
                    };
                    (bits != 0).then(|| ((number * GROUP) as u8 + bit as u8, nth(rank())))
                })
            }
            _ => (usize::from(value)..FANOUT)
                .map(|value| (value as u8, nth(value)))
                // ORDERING: Only whether there is a child is asked.
                .find(|(_, link)| !link.0.load(Ordering::Relaxed).is_null()),
        }
    }

    /// A group of a packed node.
    #[inline(always)]
    pub(super) fn group(self, number: usize) -> Group {
        let at = PACKED_GROUPS + (number & 3) * size_of::<Group>();
        // SAFETY: A packed node has four groups.
        *unsafe { self.at::<Group>(at) }
    }

    /// Of a packed node, the runs before each group, and the children.
    #[inline(always)]
    fn before(self) -> [u8; 8] {
        // SAFETY: A packed node has this here.
        *unsafe { self.at::<[u8; 8]>(PACKED_BEFORE) }
    }

    /// Calls `visit` with the first value and the next hop of each run, of a flat node with each value.
    pub(super) fn each_run(self, mut visit: impl FnMut(u8, u32)) {
        let at = self.head().shape().runs;
        let len = match self.head().kind() {
            FLAT => FANOUT,
            _ => self.head().runs.into(),
        };
        // SAFETY: So many are there.
        let hops = unsafe { core::slice::from_raw_parts(self.at::<u32>(at), len) };
        match self.head().kind() {
            TINY => {
                // SAFETY: A tiny node has this here.
                let starts = unsafe { self.at::<[u8; TINY_MAX]>(TINY_STARTS) };
                starts
                    .iter()
                    .zip(hops)
                    .for_each(|(start, hop)| visit(*start, *hop));
            }
            PACKED => {
                let mut hops = hops.iter();
                for number in 0..FANOUT / GROUP {
                    let mut starts = self.group(number).starts;
                    while starts != 0 {
                        let start = (number * GROUP) as u8 + starts.trailing_zeros() as u8;
                        starts &= starts - 1;
                        if let Some(hop) = hops.next() {
                            visit(start, *hop);
                        }
                    }
                }
            }
            _ => hops
                .iter()
                .enumerate()
                .for_each(|(value, hop)| visit(value as u8, *hop)),
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
        let len = match self.head().kind() {
            FLAT => FANOUT,
            _ => self.children(),
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

/// How many bits are set.
#[inline(always)]
pub(super) fn count(bits: u64) -> usize {
    bits.count_ones() as usize
}

/// How many of the eight bytes are at most `value`.
#[inline(always)]
fn bytes_up_to(bytes: u64, value: u8) -> usize {
    // Every second byte in a lane of 16 bits, which borrows from nobody.
    const LANES: u64 = 0x0001_0001_0001_0001;
    const BYTES: u64 = 0xff * LANES;
    let limit = (0x100 + u64::from(value)) * LANES;
    let up_to = |bytes: u64| ((limit - (bytes & BYTES)) >> 8) & LANES;
    let lanes = up_to(bytes) + up_to(bytes >> 8);
    (lanes.wrapping_mul(LANES) >> 48) as usize
}

/// Which of the eight bytes is the first that is `value`; 8 if none is.
#[inline(always)]
fn first_byte(bytes: u64, value: u8) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // The lowest byte that is zero is found exactly; above it there may be others by mistake.
    let difference = bytes ^ (u64::from(value) * ONES);
    let zeros = difference.wrapping_sub(ONES) & !difference & (ONES << 7);
    zeros.trailing_zeros() as usize / 8
}
