// SPDX-License-Identifier: GPL-2.0

//! How nodes are made: always whole, always new.

use super::{
    count, Entries, Entry, Link, NewNode, Node, NodeRef, Runs, Shape, Slot, BEFORE, BITS, FANOUT,
    FLAT, FRESH, GROUP, GROUPS, MAX_ROUTES, METRICS, STARTS, STRIDE,
};
use crate::rcu::RcuBox;
use core::{
    mem::{size_of, size_of_val},
    ptr::{self, NonNull},
    sync::atomic::AtomicU16,
};
use kernel::prelude::*;

/// What to insert into a sorted list or to remove from it.
#[derive(Clone, Copy)]
enum Splice<T> {
    None,
    Insert(T),
    Remove,
}

/// A node to be made, perhaps as a copy of another with changes.
pub(in crate::rcu_table) struct Blueprint<'w> {
    /// The address bits that lead there; the rest is 0.
    key: u128,
    pub(in crate::rcu_table) depth: u8,
    old: Option<NodeRef<'w>>,
    /// A route to put in at a number, or the number of one to leave out.
    route: (usize, Splice<Entry>),
    /// Whether an inserted route takes the place of the one at its number.
    replaces: bool,
    /// A child to put in at a value, or to leave out.
    child: (u8, Splice<&'w Link>),
    /// A second child, for a node that has none yet.
    sibling: Option<(u8, &'w Link)>,
}

impl<'w> Blueprint<'w> {
    /// An empty node.
    pub(in crate::rcu_table) fn new(key: u128, depth: u8) -> Self {
        let above = u128::MAX.checked_shr((depth * STRIDE).into()).unwrap_or(0);
        Self {
            key: key & !above,
            depth,
            old: None,
            route: (0, Splice::None),
            replaces: false,
            child: (0, Splice::None),
            sibling: None,
        }
    }

    /// The same node again.
    pub(in crate::rcu_table) fn copy_of(old: NodeRef<'w>) -> Self {
        Self {
            old: Some(old),
            ..Self::new(old.key(), old.depth())
        }
    }

    /// With a route put in at `number`, perhaps for the one that is there.
    pub(in crate::rcu_table) fn with_route(
        mut self,
        number: usize,
        entry: Entry,
        replaces: bool,
    ) -> Self {
        self.route = (number, Splice::Insert(entry));
        self.replaces = replaces;
        self
    }

    /// Without route `number`.
    pub(in crate::rcu_table) fn without_route(mut self, number: usize) -> Self {
        self.route = (number, Splice::Remove);
        self
    }

    /// With a child more.
    pub(in crate::rcu_table) fn with_child(mut self, value: u8, child: &'w Link) -> Self {
        match self.child.1 {
            Splice::None => self.child = (value, Splice::Insert(child)),
            _ => self.sibling = Some((value, child)),
        }
        self
    }

    /// Without the child of that value.
    pub(in crate::rcu_table) fn without_child(mut self, value: u8) -> Self {
        self.child = (value, Splice::Remove);
        self
    }

    /// The old node's routes: those before what changes, what is put in, and those behind.
    fn routes(&self) -> (Entries<'w>, usize, Option<Entry>, usize) {
        let old = self.old.map_or(Entries::NONE, NodeRef::entries);
        let (number, splice) = self.route;
        let number = number.min(old.len());
        let (inserted, skipped) = match splice {
            Splice::None => (None, 0),
            Splice::Insert(entry) => (Some(entry), usize::from(self.replaces)),
            Splice::Remove => (None, 1),
        };
        (old, number, inserted, (number + skipped).min(old.len()))
    }

    /// The slot of the route that is put in or left out.
    fn changed_slot(&self) -> Option<Slot> {
        let (old, number, inserted, behind) = self.routes();
        match inserted {
            Some(entry) => Some(entry.slot),
            None if behind > number => old.get(number).map(|entry| entry.slot),
            None => None,
        }
    }

    /// Finds the runs.
    fn expand(&self, runs: &mut Runs) {
        let (entries, number, inserted, behind) = self.routes();
        // pin-init has a `chain()` for everything.
        let from = |first| {
            let before = Iterator::chain(entries.within(first, number), inserted);
            Iterator::chain(before, entries.within(behind, usize::MAX))
        };
        match (self.old, self.changed_slot()) {
            (Some(old), Some(slot)) => {
                let end = slot.end();
                let inside = from(old.position(slot))
                    .take_while(|entry| u16::from(entry.slot.first()) < end);
                let outside = match inserted {
                    Some(_) => 0,
                    None => old.serving_outside(slot),
                };
                runs.patch(old, slot, outside, inside);
            }
            (Some(old), None) => runs.copy(old),
            (None, _) => runs.expand(from(0)),
        }
    }

    /// The old node, if its children are those of the new one.
    fn keeps_children(&self) -> Option<NodeRef<'w>> {
        match self.child.1 {
            Splice::None => self.old.filter(|old| !old.head().is_flat()),
            _ => None,
        }
    }

    fn children(&self) -> impl Iterator<Item = (u8, &'w Link)> + '_ {
        let (value, splice) = self.child;
        let inserted = match splice {
            Splice::Insert(child) => Some((value, child)),
            _ => None,
        };
        let (first, second) = match (inserted, self.sibling) {
            (Some(one), Some(other)) if other.0 < one.0 => (Some(other), Some(one)),
            pair => pair,
        };
        let removes = matches!(splice, Splice::Remove);
        let mut old = self
            .old
            .into_iter()
            .flat_map(NodeRef::each_child)
            .filter(move |(other, _)| !(removes && *other == value))
            .peekable();
        let mut new = Iterator::chain(first.into_iter(), second).peekable();
        core::iter::from_fn(move || match (old.peek(), new.peek()) {
            (Some(old_child), Some(new_child)) if old_child.0 < new_child.0 => old.next(),
            (_, Some(_)) => new.next(),
            _ => old.next(),
        })
    }

    /// Makes the node. `flat_from` is how many runs and children make it flat, `fresh` whether a
    /// transaction makes it.
    ///
    /// Errors: `ENOMEM`; `ENOSPC` if it would have more routes than a node can.
    pub(in crate::rcu_table) fn build(
        &self,
        runs: &mut Runs,
        flat_from: usize,
        fresh: bool,
    ) -> Result<NewNode> {
        self.expand(runs);
        let (entries, number, inserted, behind) = self.routes();
        let routes = number + usize::from(inserted.is_some()) + entries.len() - behind;
        let has_metrics = inserted.is_some_and(|entry| entry.metric != 0)
            || [
                &entries.metrics[..number.min(entries.metrics.len())],
                entries.metrics.get(behind..).unwrap_or(&[]),
            ]
            .iter()
            .any(|metrics| metrics.iter().any(|metric| *metric != 0));
        let children = match self.keeps_children() {
            Some(old) => old.children(),
            None => self.children().count(),
        };
        let is_flat = runs.len + children >= flat_from;
        if routes > MAX_ROUTES {
            return Err(ENOSPC);
        }
        let node = Node {
            depth: self.depth,
            shape: [(is_flat, FLAT), (has_metrics, METRICS), (fresh, FRESH)]
                .into_iter()
                .fold(0, |shape, (is, bit)| if is { shape | bit } else { shape }),
            routes: AtomicU16::new(routes as u16),
            children: children as u16,
            runs: runs.len as u16,
        };
        let shape = node.shape();
        let room = shape.size - size_of::<Node>();
        let mut writer = Writer {
            node: RcuBox::with_room(node, room, GFP_KERNEL)?,
            size: shape.size,
        };
        writer.key(shape, self.key);
        match (is_flat, self.keeps_children()) {
            (true, _) => writer.flat(shape, runs, self.children()),
            (false, Some(old)) => {
                let bits = core::array::from_fn(|number| old.child_bits(number));
                writer.packed_index(shape, runs, children, bits);
                writer.links(shape, old.links());
            }
            (false, None) => {
                writer.packed_index(shape, runs, children, children_bits(self.children()));
                writer.links(shape, self.children().map(|(_, child)| child));
            }
        }
        if !is_flat {
            writer.runs(shape, runs);
        }
        writer.routes(shape, &entries, number, inserted, behind, has_metrics);
        // INVARIANT: Everything that the numbers in front speak of has been written.
        Ok(NewNode(writer.node))
    }
}

/// A node that is being written.
struct Writer {
    node: NonNull<Node>,
    size: usize,
}

impl Writer {
    /// Writes `value` at an offset.
    #[inline(always)]
    fn put<T>(&mut self, offset: usize, value: T) {
        debug_assert!(offset >= size_of::<Node>() && offset + size_of::<T>() <= self.size);
        // SAFETY: All offsets come from the `Shape` that the object was allocated for. Nobody else has it.
        unsafe {
            self.node
                .as_ptr()
                .cast::<u8>()
                .add(offset)
                .cast::<T>()
                .write(value)
        };
    }

    fn key(&mut self, shape: Shape, key: u128) {
        self.put(shape.key, [(key >> 64) as u64, key as u64]);
    }

    fn packed_index(
        &mut self,
        shape: Shape,
        runs: &Runs,
        children: usize,
        child_bits: [u64; GROUPS],
    ) {
        let mut starts = [0; GROUPS];
        for &start in &runs.starts[..runs.len] {
            starts[usize::from(start) / GROUP] |= 1 << (usize::from(start) % GROUP);
        }
        // Before the last group there are at most 192 of each.
        let mut before = [0_u8; 2 * GROUPS];
        for number in 1..GROUPS {
            before[number] = before[number - 1] + count(starts[number - 1]) as u8;
            before[GROUPS + number] =
                before[GROUPS + number - 1] + count(child_bits[number - 1]) as u8;
        }
        self.put(BEFORE, before);
        self.put(STARTS, starts);
        if children > 0 {
            self.put(shape.links - BITS, child_bits);
        }
    }

    fn links<'a>(&mut self, shape: Shape, children: impl Iterator<Item = &'a Link>) {
        for (number, child) in children.enumerate() {
            let at = shape.links + number * size_of::<Link>();
            self.put(at, Link::copy_of(child));
        }
    }

    fn runs(&mut self, shape: Shape, runs: &Runs) {
        self.copy(shape.runs, &runs.hops[..runs.len]);
    }

    /// Writes elements one behind the other; returns where they end.
    fn copy<T: Copy>(&mut self, offset: usize, elements: &[T]) -> usize {
        let end = offset + size_of_val(elements);
        debug_assert!(offset >= size_of::<Node>() && end <= self.size);
        // SAFETY: All offsets come from the `Shape` that the object was allocated for, with room for as
        // many elements. Nobody else has it.
        unsafe {
            ptr::copy_nonoverlapping(
                elements.as_ptr().cast::<u8>(),
                self.node.as_ptr().cast::<u8>().add(offset),
                size_of_val(elements),
            );
        }
        end
    }

    fn flat<'a>(
        &mut self,
        shape: Shape,
        runs: &Runs,
        children: impl Iterator<Item = (u8, &'a Link)>,
    ) {
        for value in 0..FANOUT {
            self.put(shape.links + value * size_of::<Link>(), Link::null());
        }
        for (value, child) in children {
            let at = shape.links + usize::from(value) * size_of::<Link>();
            self.put(at, Link::copy_of(child));
        }
        let (mut hop, mut next) = (0, 0);
        for value in 0..FANOUT {
            if next < runs.len && usize::from(runs.starts[next]) == value {
                hop = runs.hops[next];
                next += 1;
            }
            self.put(shape.runs + value * size_of::<u32>(), hop);
        }
    }

    /// Writes the old routes before `number`, `inserted`, and the old ones from `behind` on.
    fn routes(
        &mut self,
        shape: Shape,
        old: &Entries<'_>,
        number: usize,
        inserted: Option<Entry>,
        behind: usize,
        has_metrics: bool,
    ) {
        let mut hops_end = self.copy(shape.hops, &old.hops[..number]);
        let mut slots_end = self.copy(shape.slots, &old.slots[..number]);
        if let Some(entry) = inserted {
            hops_end = self.copy(hops_end, &[entry.hop]);
            slots_end = self.copy(slots_end, &[entry.slot]);
        }
        self.copy(hops_end, &old.hops[behind..]);
        self.copy(slots_end, &old.slots[behind..]);
        if !has_metrics {
            return;
        }
        let metric = |number| old.metrics.get(number).copied().unwrap_or(0);
        let mut end = shape.metrics;
        for number in 0..number {
            end = self.copy(end, &[metric(number)]);
        }
        if let Some(entry) = inserted {
            end = self.copy(end, &[entry.metric]);
        }
        for number in behind..old.len() {
            end = self.copy(end, &[metric(number)]);
        }
    }
}

/// Which values have children, by groups.
fn children_bits<'a>(children: impl Iterator<Item = (u8, &'a Link)>) -> [u64; GROUPS] {
    let mut bits = [0; GROUPS];
    for (value, _) in children {
        bits[usize::from(value) / GROUP] |= 1 << (usize::from(value) % GROUP);
    }
    bits
}
