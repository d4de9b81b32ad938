// SPDX-License-Identifier: GPL-2.0

//! Building nodes. Each node is built whole, as an empty node or a copy with changes.

use super::{
    bytes::repeated, count, Entries, Entry, Exclusive, Link, NewNode, Node, NodeRef, Runs, Shape,
    Slot, BITS, FANOUT, FEW, FLAT, FLAT_LINKS, FRESH, GROUP, GROUPS, HOPS, MAX_ROUTES, METRICS,
    SPARE, STRIDE,
};
use crate::rcu::UniqueRcuBox;
use core::{
    mem::{offset_of, size_of, size_of_val, MaybeUninit},
    ptr::{self, NonNull},
    sync::atomic::AtomicU16,
};
use kernel::prelude::*;

/// A change of a sorted list.
#[derive(Clone, Copy)]
enum Splice<T> {
    None,
    Insert(T),
    Remove,
}

/// The description of a node to build: an empty node or a copy of another one, with changes.
pub(in super::super) struct Blueprint<'w> {
    /// The address bits that lead to the node; the other bits are 0.
    key: u128,
    pub(in super::super) depth: u8,
    old: Option<NodeRef<'w>>,
    /// The number at which a route is inserted or removed.
    route: (usize, Splice<Entry>),
    /// Whether an inserted route replaces the one at its number.
    replaces: bool,
    /// The value at which a child is inserted or removed.
    child: (u8, Splice<&'w Link>),
    /// A second inserted child, for a node without children.
    sibling: Option<(u8, &'w Link)>,
}

impl<'w> Blueprint<'w> {
    /// Describes an empty node.
    pub(in super::super) fn new(key: u128, depth: u8) -> Self {
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

    /// Describes a copy of `old`.
    pub(in super::super) fn copy_of(old: NodeRef<'w>) -> Self {
        Self {
            old: Some(old),
            ..Self::new(old.key(), old.depth())
        }
    }

    /// Inserts a route at `number`, or replaces the one there.
    pub(in super::super) fn with_route(
        mut self,
        number: usize,
        entry: Entry,
        replaces: bool,
    ) -> Self {
        self.route = (number, Splice::Insert(entry));
        self.replaces = replaces;
        self
    }

    /// Removes route `number`.
    pub(in super::super) fn without_route(mut self, number: usize) -> Self {
        self.route = (number, Splice::Remove);
        self
    }

    /// Inserts a child.
    pub(in super::super) fn with_child(mut self, value: u8, child: &'w Link) -> Self {
        match self.child.1 {
            Splice::None => self.child = (value, Splice::Insert(child)),
            _ => self.sibling = Some((value, child)),
        }
        self
    }

    /// Removes the child of `value`.
    pub(in super::super) fn without_child(mut self, value: u8) -> Self {
        self.child = (value, Splice::Remove);
        self
    }

    /// Returns the old routes, the number of them before the change, the inserted route, and the
    /// number of the first old route after the change.
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

    /// Returns the slot of the inserted or removed route.
    fn changed_slot(&self) -> Option<Slot> {
        let (old, number, inserted, behind) = self.routes();
        match inserted {
            Some(entry) => Some(entry.slot),
            None if behind > number => old.get(number).map(|entry| entry.slot),
            None => None,
        }
    }

    /// Computes the runs.
    fn expand(&self, runs: &mut Runs) {
        let (entries, number, inserted, behind) = self.routes();
        // The method syntax would call pin-init's `chain()`.
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

    /// Iterates over the new node's children by value, each with a new link.
    fn children<'a>(&'a self, exclusive: &'a Exclusive) -> impl Iterator<Item = (u8, Link)> + 'a {
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
            .map(|(value, child)| (value, Link::copy_of(child)))
            .peekable();
        let mut new = Iterator::chain(first.into_iter(), second)
            .map(|(value, child)| (value, Link::below(self.depth, child, exclusive)))
            .peekable();
        core::iter::from_fn(move || match (old.peek(), new.peek()) {
            (Some(old_child), Some(new_child)) if old_child.0 < new_child.0 => old.next(),
            (_, Some(_)) => new.next(),
            _ => old.next(),
        })
    }

    /// Returns the number of the new node's children.
    fn count_children(&self) -> usize {
        let old = self.old.map_or(0, NodeRef::children);
        let inserted = matches!(self.child.1, Splice::Insert(_));
        let removed = matches!(self.child.1, Splice::Remove);
        old + usize::from(inserted) + usize::from(self.sibling.is_some()) - usize::from(removed)
    }

    /// Builds the node. `is_flat` decides by the numbers of runs and children. `fresh`: a
    /// transaction builds the node.
    ///
    /// Errors: `ENOMEM`; `ENOSPC` if the node would have too many routes.
    pub(in super::super) fn build(
        &self,
        runs: &mut Runs,
        is_flat: impl FnOnce(usize, usize) -> bool,
        fresh: bool,
        exclusive: &Exclusive,
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
        let children = self.count_children();
        if routes > MAX_ROUTES {
            return Err(ENOSPC);
        }
        let is_flat = is_flat(runs.len(), children);
        let starts = starts_of(runs);
        let node = Node {
            depth: self.depth,
            shape: [(is_flat, FLAT), (has_metrics, METRICS), (fresh, FRESH)]
                .into_iter()
                .fold(0, |shape, (is, bit)| if is { shape | bit } else { shape }),
            routes: AtomicU16::new(routes as u16),
            runs: runs.len() as u16,
            key: [(self.key >> 64) as u64, self.key as u64],
            spare: MaybeUninit::uninit(),
            starts,
            before: before(&starts),
            index: match is_flat {
                true => FLAT_LINKS,
                false => Node::index_behind(runs.len()),
            } as u16,
            children: children as u16,
        };
        let shape = node.shape();
        let room = shape.size - size_of::<Node>();
        let mut writer = Writer {
            node: UniqueRcuBox::with_room(node, room, GFP_KERNEL)?,
            size: shape.size,
        };
        if is_flat {
            writer.each_value(runs);
            writer.each_link(self.children(exclusive));
        } else {
            writer.copy(HOPS, runs.hops());
            writer.children(shape, children, self.children(exclusive));
        }
        writer.routes(shape, &entries, number, inserted, behind, has_metrics);
        // INVARIANT: All parts that the fixed part describes have been written.
        Ok(NewNode(writer.node))
    }
}

/// A node that is being built.
struct Writer {
    node: NonNull<Node>,
    size: usize,
}

impl Writer {
    /// Returns whether the bytes are in the spare room or in the variable part.
    fn has_room(&self, offset: usize, len: usize) -> bool {
        let spare = offset_of!(Node, spare);
        let end = offset + len;
        (offset >= spare && end <= spare + SPARE)
            || (offset >= size_of::<Node>() && end <= self.size)
    }

    /// Writes `value` at an offset.
    #[inline(always)]
    fn put<T>(&mut self, offset: usize, value: T) {
        debug_assert!(self.has_room(offset, size_of::<T>()));
        // SAFETY: All offsets come from the `Shape` that the object was allocated for. Only this
        // writer has the object.
        unsafe {
            self.node
                .as_ptr()
                .cast::<u8>()
                .add(offset)
                .cast::<T>()
                .write(value)
        };
    }

    /// Writes a next hop for each value.
    fn each_value(&mut self, runs: &Runs) {
        let mut runs = runs.iter().peekable();
        let mut hop = 0;
        for value in 0..=u8::MAX {
            if let Some((_, next)) = runs.next_if(|(start, _)| *start == value) {
                hop = next;
            }
            self.put(HOPS + usize::from(value) * size_of::<u32>(), hop);
        }
    }

    /// Writes a link for each value.
    fn each_link(&mut self, children: impl Iterator<Item = (u8, Link)>) {
        for value in 0..FANOUT {
            self.put(FLAT_LINKS + value * size_of::<Link>(), Link::null());
        }
        for (value, child) in children {
            self.put(FLAT_LINKS + usize::from(value) * size_of::<Link>(), child);
        }
    }

    /// Writes links to `len` children, and their index.
    fn children(&mut self, shape: Shape, len: usize, children: impl Iterator<Item = (u8, Link)>) {
        let (mut bits, mut listed) = ([0_u64; GROUPS], 0);
        for (number, (value, child)) in children.enumerate() {
            if number == 0 {
                // The first child's value fills up a list of fewer than eight.
                listed = repeated(value);
            }
            if number < FEW {
                listed &= !(0xff << (8 * number));
                listed |= u64::from(value) << (8 * number);
            }
            bits[usize::from(value) / GROUP] |= 1 << (usize::from(value) % GROUP);
            self.put(shape.links + number * size_of::<Link>(), child);
        }
        match len {
            0 => (),
            1..=FEW => self.put(shape.links - FEW, listed),
            _ => {
                let index = shape.links - size_of::<u64>() - BITS;
                self.put(index, bits);
                self.put(index + BITS, before(&bits));
                self.put(index + BITS + GROUPS, [0_u8; GROUPS]);
            }
        }
    }

    /// Writes elements one after the other. Returns the offset of their end.
    fn copy<T: Copy>(&mut self, offset: usize, elements: &[T]) -> usize {
        let end = offset + size_of_val(elements);
        debug_assert!(self.has_room(offset, size_of_val(elements)));
        // SAFETY: All offsets come from the `Shape` that the object was allocated for, with room
        // for these elements. Only this writer has the object.
        unsafe {
            ptr::copy_nonoverlapping(
                elements.as_ptr().cast::<u8>(),
                self.node.as_ptr().cast::<u8>().add(offset),
                size_of_val(elements),
            );
        }
        end
    }

    /// Writes the old routes before `number`, then `inserted`, then the old routes from `behind`
    /// on.
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

/// Returns a bitmap of the values where runs begin.
fn starts_of(runs: &Runs) -> [u64; GROUPS] {
    let mut starts = [0; GROUPS];
    for (start, _) in runs.iter() {
        starts[usize::from(start) / GROUP] |= 1 << (usize::from(start) % GROUP);
    }
    starts
}

/// Returns the number of bits set before each group: at most 192, before the last one.
fn before(bits: &[u64; GROUPS]) -> [u8; GROUPS] {
    let mut before = [0; GROUPS];
    for group in 1..GROUPS {
        before[group] = before[group - 1] + count(bits[group - 1]) as u8;
    }
    before
}
