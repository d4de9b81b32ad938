// SPDX-License-Identifier: GPL-2.0

//! Levels as the updater reads them: a root, a page or a node.

use super::{
    blueprint::{Blueprint, Piece},
    hidden::{Entry, Hidden, Position},
    lookup::{byte_at, halves},
    node::{shape, split, Link, Run, Shape},
    node_at::NodeAt,
    object::Fib,
    Best, Slot, Slots, STRIDE, VALUES,
};
use crate::rcu_table::{table::yield_after, Family};
use kernel::prelude::*;

/// A level of a family.
#[derive(Clone, Copy)]
pub(in super::super) struct Level<'a> {
    pub(super) at: At<'a>,
    family: Family,
    depth: u8,
    /// The address bits that lead to the level.
    bits: u128,
    /// Whether a transaction in progress owns it.
    is_private: bool,
}

/// The memory of a level.
#[derive(Clone, Copy)]
pub(super) enum At<'a> {
    /// A root or a page.
    Slots(&'a Slots),
    Node(NodeAt<'a>),
}

impl<'a> Level<'a> {
    /// Returns a family's root as a level.
    pub(super) fn root(slots: &'a Slots, family: Family) -> Self {
        Self {
            at: At::Slots(slots),
            family,
            depth: 0,
            bits: 0,
            is_private: false,
        }
    }

    pub(in super::super) fn family(&self) -> Family {
        self.family
    }

    pub(in super::super) fn depth(&self) -> u8 {
        self.depth
    }

    /// Returns the address bits that lead to the level.
    pub(in super::super) fn bits(&self) -> u128 {
        self.bits
    }

    /// Returns the address bits that lead to a value.
    pub(in super::super) fn bits_of(&self, value: u8) -> u128 {
        self.bits | (u128::from(value) << (120 - u32::from(self.depth * STRIDE)))
    }

    pub(super) fn is_private(&self) -> bool {
        self.is_private
    }

    /// Returns a level like this one in a private node.
    pub(super) fn with_node(self, node: NodeAt<'a>) -> Self {
        Self {
            at: At::Node(node),
            is_private: true,
            ..self
        }
    }

    /// Calls `visit` with the slots and levels below that a transaction owns, children first.
    pub(super) fn each_private(&self, visit: &mut impl FnMut(&Slot, Level<'a>)) {
        let mut from = 0;
        while let Some(value) = self.next_child(from) {
            from = usize::from(value) + 1;
            let (Some(slot), Some(child)) = (self.slot(value), self.child(value)) else {
                continue;
            };
            if child.is_private {
                child.each_private(visit);
                visit(slot, child);
            }
        }
    }

    fn slot(&self, value: u8) -> Option<&'a Slot> {
        match self.at {
            At::Slots(slots) => Some(&slots.0[usize::from(value)]),
            At::Node(node) => node.slot_of(value),
        }
    }

    /// Returns the level below a value.
    pub(in super::super) fn child(&self, value: u8) -> Option<Level<'a>> {
        let link = Link::of(self.slot(value)?);
        self.below(value, link)
    }

    /// Returns the level to which a value links.
    pub(super) fn below(&self, value: u8, link: Link) -> Option<Level<'a>> {
        if link.is_nothing() {
            return None;
        }
        let mut child = Self {
            depth: self.depth + 1 + link.skipped(),
            bits: self.bits_of(value),
            is_private: link.is_private(),
            ..*self
        };
        if self.depth == 0 {
            // SAFETY: A root links to pages, which are live as long as the root.
            child.at = At::Slots(unsafe { &*split(link.0.as_ptr()).0.cast::<Slots>() });
            return Some(child);
        }
        // SAFETY: A page or node links to nodes, which are live as long as it.
        let node = unsafe { NodeAt::new(link) };
        if link.skipped() > 0 {
            child.bits = node.key();
        }
        child.at = At::Node(node);
        Some(child)
    }

    /// Returns the first value from one on that has a child.
    pub(in super::super) fn next_child(&self, from: usize) -> Option<u8> {
        match self.at {
            At::Slots(slots) => (from..VALUES)
                .find(|value| !Link::of(&slots.0[*value]).is_nothing())
                .map(|value| value as u8),
            At::Node(node) => {
                if from == VALUES || !node.has_children() {
                    return None;
                }
                let before = from.checked_sub(1).map_or(0, |last| node.rank(last as u8));
                let mut starts = node.each_start(from).zip(before + 1..);
                let found = starts.find(|(_, rank)| matches!(node.run(*rank), Run::Child(_)));
                found.map(|(value, _)| value as u8)
            }
        }
    }

    /// Calls `visit` with the first value, the end and the best route of each range of values.
    fn each_best(&self, mut visit: impl FnMut(usize, usize, Best)) {
        match self.at {
            At::Slots(slots) => {
                for (value, slot) in slots.0.iter().enumerate() {
                    visit(value, value + 1, slot.best());
                }
            }
            At::Node(node) => {
                let mut last = 0;
                for (rank, value) in node.each_start(0).enumerate() {
                    if rank > 0 {
                        visit(last, value, node.best(rank));
                    }
                    last = value;
                }
                visit(last, VALUES, node.best(node.rank(u8::MAX)));
            }
        }
    }

    /// Calls `visit` with each hidden route.
    fn each_hidden(&self, visit: impl FnMut(Entry)) {
        match self.at {
            At::Slots(slots) => {
                let Some(hidden) = slots.hidden() else { return };
                (0..hidden.len())
                    .filter_map(|index| hidden.get(index))
                    .for_each(visit);
            }
            At::Node(node) => {
                self.shape(node).hidden_entries(node).for_each(visit);
            }
        }
    }

    pub(super) fn shape(&self, node: NodeAt<'_>) -> Shape {
        let has_key = self.family == Family::Inet6;
        // SAFETY: By the type invariant the node is live; those of IPv6 have keys.
        unsafe { shape(node.node, node.tags, has_key) }
    }

    /// Calls `visit` with each prefix that a value shows, and its number.
    fn each_shown(&self, mut visit: impl FnMut(Position, u32)) {
        let mut prefixes = Prefixes::NONE;
        let above = self.depth * STRIDE;
        self.each_best(|start, end, best| {
            if best == Best::NONE {
                return;
            }
            let (bits, mut start) = (best.len() - above, start);
            while start < end {
                let at = Position::around(start as u8, bits);
                if prefixes.add(at) {
                    visit(at, best.number());
                }
                start = at.end();
            }
        });
    }

    /// Returns the prefixes that have routes.
    pub(in super::super) fn prefixes(&self) -> Prefixes {
        let mut prefixes = Prefixes::NONE;
        self.each_shown(|at, _| {
            prefixes.add(at);
        });
        self.each_hidden(|entry| {
            prefixes.add(entry.at);
        });
        prefixes
    }

    /// Calls `visit` with the number of each route of a prefix, the lowest metric first.
    pub(in super::super) fn each_number(&self, at: Position, mut visit: impl FnMut(u32)) {
        let len = self.depth * STRIDE + at.bits();
        let best_of = |value: usize| match self.at {
            At::Slots(slots) => slots.0[value].best(),
            At::Node(node) => node.best(node.rank(value as u8)),
        };
        let shown = (at.first().into()..at.end())
            .map(best_of)
            .find(|best| *best != Best::NONE && best.len() == len);
        if let Some(best) = shown {
            visit(best.number());
        }
        self.each_hidden(|entry| {
            if entry.at == at {
                visit(entry.number);
            }
        });
    }

    /// Calls `visit` with the number of each route.
    pub(in super::super) fn each_route(&self, mut visit: impl FnMut(u32)) {
        self.each_shown(|_, number| visit(number));
        self.each_hidden(|entry| visit(entry.number));
    }

    /// Reads the level into a blueprint.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn read(&self, blueprint: &mut Blueprint) -> Result {
        blueprint.clear(self.depth * STRIDE);
        match self.at {
            At::Slots(slots) => {
                let mut last = None;
                for (start, slot) in slots.0.iter().enumerate() {
                    let best = slot.best();
                    if last.replace(best) != Some(best) {
                        let child = None;
                        blueprint.append(Piece { start, best, child });
                    }
                }
                let hidden = slots.hidden().map_or(&[][..], Hidden::words);
                blueprint.hidden.extend(hidden)
            }
            At::Node(node) => {
                let shape = self.shape(node);
                for (before, start) in node.each_start(0).enumerate() {
                    let child = match node.run(before + 1) {
                        Run::Child(child) => Some(Link::of(node.slot(child))),
                        Run::Number(_) => None,
                    };
                    let best = shape.best(node, before);
                    blueprint.append(Piece { start, best, child });
                }
                let hidden = node.node.wrapping_byte_add(shape.hidden_at());
                // SAFETY: By the invariant of `NodeAt` the node is live. By its shape it has
                // `shape.hidden` hidden routes there.
                unsafe { blueprint.hidden.extend_from(hidden, shape.hidden) }
            }
        }
    }

    /// Returns the page or node; none for a root.
    pub(in super::super) fn object(&self) -> Fib {
        match self.at {
            At::Slots(_) if self.depth == 0 => Fib::NONE,
            At::Slots(slots) => Fib::of_page(slots),
            // SAFETY: By the type invariant the node is live; those of IPv6 have keys.
            At::Node(node) => unsafe { Fib::of_node(node.link(), self.family == Family::Inet6) },
        }
    }

    /// Calls `visit` with this level and all below, children first.
    pub(in super::super) fn each_level(&self, visit: &mut impl FnMut(Level<'a>)) {
        let mut from = 0;
        while let Some(value) = self.next_child(from) {
            if let Some(child) = self.child(value) {
                child.each_level(visit);
            }
            from = usize::from(value) + 1;
        }
        visit(*self);
    }

    /// Frees all pages and nodes below a root that no reader and no updater uses any more.
    pub(super) fn free_below(&self) {
        let mut freed = 0;
        self.each_level(&mut |level| {
            level.object().free();
            freed += 1;
            yield_after(freed);
        });
    }

    /// Returns the value of an address in this level.
    pub(super) fn value_in(&self, bits: u128) -> u8 {
        byte_at(halves(bits), self.depth.into())
    }
}

/// A set of positions of one level, of which there are 511, in order.
#[derive(Clone, Copy)]
pub(in super::super) struct Prefixes([u64; 8]);

impl Prefixes {
    pub(in super::super) const NONE: Self = Self([0; 8]);

    /// Adds a position. Returns whether it is new.
    fn add(&mut self, at: Position) -> bool {
        let (group, bit) = (at.index() / 64, 1 << (at.index() % 64));
        let is_new = self.0[group] & bit == 0;
        self.0[group] |= bit;
        is_new
    }

    /// Returns the first position.
    pub(in super::super) fn first(self) -> Option<Position> {
        { self }.take_first()
    }

    /// Removes and returns the first position.
    pub(in super::super) fn take_first(&mut self) -> Option<Position> {
        let group = self.0.iter().position(|word| *word != 0)?;
        let bit = self.0[group].trailing_zeros() as usize;
        self.0[group] &= self.0[group] - 1;
        Some(Position::at_index(64 * group + bit))
    }

    /// Removes all positions before one.
    pub(in super::super) fn skip_to(&mut self, at: Position) {
        let index = at.index();
        self.0[..index / 64].fill(0);
        self.0[index / 64] &= !0 << (index % 64);
    }
}
