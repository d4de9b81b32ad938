// SPDX-License-Identifier: GPL-2.0

//! Splices: copies of a node with up to three new runs, which suffice for most changes.
//!
//! A change fits if one run serves all values of the prefix, and no hidden route appears or
//! disappears. A change that adds or removes a child fits, too. The new runs replace the run, and
//! neighbours that have become equal to it. All other changes need a [blueprint](super::blueprint).

use super::{
    blueprint::{Edit, MAX_NARROW},
    hidden::{Entry, Position},
    level::{At, Level},
    node::{split, write_starts, Link, Run, Shape, CHILD, COUNTS, HAS_CHILDREN, RUNS_AT, WIDE},
    node_at::NodeAt,
    object::{Fib, Line},
    word::{NumberWord, PointerWord},
    Best, Slot, STRIDE, VALUES,
};
use core::{mem::size_of, ptr};
use kernel::prelude::*;

/// The lines of a node, without its slots, that can be changed in place.
const SCRATCH_LINES: usize = 24;

/// A copy of a node that is being changed in place.
pub(super) struct Scratch(KVVec<Line>);

impl Scratch {
    /// Allocates the memory.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn new() -> Result<Self> {
        Ok(Self(KVVec::with_capacity(SCRATCH_LINES, super::gfp())?))
    }
}

/// The place of a prefix in a node: the run that serves its first value.
///
/// # Invariants
///
/// The node is narrow. It has the shape `shape`, and a run `run`.
pub(super) struct Spot<'a> {
    node: NodeAt<'a>,
    shape: Shape,
    starts: Starts,
    at: Position,
    /// The bits that the levels above decide.
    above: u8,
    /// The index of the run, and its values.
    run: usize,
    start: usize,
    end: usize,
    best: Best,
}

/// The bits of the values at which runs start.
#[derive(Clone, Copy)]
struct Starts([u64; VALUES / 64]);

impl Starts {
    /// Returns the first value of the run that ends before `end`.
    fn before(&self, end: usize) -> usize {
        let last = end - 1;
        let mut group = last / 64;
        let mut word = self.0[group] << (63 - last % 64) >> (63 - last % 64);
        // The first run starts at value 0.
        while word == 0 && group > 0 {
            group -= 1;
            word = self.0[group];
        }
        64 * group + 63 - word.leading_zeros() as usize
    }

    /// Returns the first start at or after a value, or the number of values.
    fn from(&self, value: usize) -> usize {
        let mut group = value / 64;
        if group == self.0.len() {
            return VALUES;
        }
        let mut word = self.0[group] >> (value % 64) << (value % 64);
        while word == 0 {
            group += 1;
            if group == self.0.len() {
                return VALUES;
            }
            word = self.0[group];
        }
        64 * group + word.trailing_zeros() as usize
    }

    fn set(&mut self, value: usize, starts: bool) {
        let bit = 1 << (value % 64);
        match starts {
            true => self.0[value / 64] |= bit,
            false => self.0[value / 64] &= !bit,
        }
    }
}

/// A run and its length as a node holds them.
#[derive(Clone, Copy, PartialEq, Eq)]
struct RawRun(u16, u8);

impl RawRun {
    fn of(best: Best) -> Self {
        Self(best.number() as u16, best.len())
    }
}

/// A child that appears or disappears.
#[derive(Clone, Copy)]
struct ChildEdit {
    index: usize,
    /// The new child, and the route that covers its addresses.
    new: Option<(Link, Best)>,
}

/// A planned change: the runs that replace others, and the child that appears or disappears.
pub(super) struct Splice {
    /// The index of the first run that is replaced, and the number of runs that are.
    first: usize,
    replaced: usize,
    /// The new runs.
    runs: [RawRun; 3],
    len: usize,
    starts: Starts,
    child: Option<ChildEdit>,
    shape: Shape,
}

impl<'a> Spot<'a> {
    /// Returns the place of a prefix, unless the prefix needs a blueprint.
    pub(super) fn of_prefix(level: &Level<'a>, at: Position) -> Option<Self> {
        let spot = Self::new(level, at)?;
        let has_hidden = || {
            spot.shape
                .hidden_entries(spot.node)
                .any(|entry| entry.at == at)
        };
        let is_simple = spot.end >= at.end() && spot.child().is_none() && !has_hidden();
        is_simple.then_some(spot)
    }

    /// Returns the place of a child or of a new child.
    pub(super) fn of_value(level: &Level<'a>, value: u8) -> Option<Self> {
        Self::new(level, Position::new(value, STRIDE))
    }

    fn new(level: &Level<'a>, at: Position) -> Option<Self> {
        let At::Node(node) = level.at else {
            return None;
        };
        if node.tags & WIDE != 0 {
            return None;
        }
        // INVARIANT: The node is narrow, as just checked.
        let shape = level.shape(node);
        let starts = Starts([0, 1, 2, 3].map(|group| node.starts(group)));
        let run = node.rank(at.first()) - 1;
        let after = usize::from(at.first()) + 1;
        Some(Self {
            node,
            shape,
            at,
            above: level.depth() * STRIDE,
            run,
            start: starts.before(after),
            end: starts.from(after),
            starts,
            best: shape.best(node, run),
        })
    }

    /// Returns the index of the child of the run.
    fn child(&self) -> Option<usize> {
        match self.node.run(self.run + 1) {
            Run::Child(child) => Some(child),
            Run::Number(_) => None,
        }
    }

    fn raw_run(&self, run: usize) -> RawRun {
        // SAFETY: By the type invariants the node is live and narrow. Callers pass the spot's run
        // or a neighbour that the node has.
        unsafe {
            let number = *self.node.node.add(RUNS_AT).cast::<u16>().add(run);
            RawRun(number, *self.node.node.add(self.shape.lengths_at + run))
        }
    }

    fn len(&self) -> u8 {
        self.above + self.at.bits()
    }

    /// Returns the number of the prefix's only route.
    pub(super) fn number(&self) -> Option<u32> {
        let is_shown = self.best != Best::NONE && self.best.len() == self.len();
        is_shown.then(|| self.best.number())
    }

    /// Returns the new runs, unless the change needs a blueprint.
    pub(super) fn plan(&self, edit: Edit) -> Option<Splice> {
        let new = match (edit, self.number()) {
            (Edit::Insert(_, number), None) if self.stays_shown() => Best::new(number, self.len()),
            (Edit::Replace(_, number), Some(_)) => Best::new(number, self.len()),
            (Edit::Remove(_), Some(_)) => self.next_best()?,
            _ => return None,
        };
        (new.number() <= MAX_NARROW).then(|| self.splice(RawRun::of(new), None))
    }

    /// Returns whether the prefix is longer than the route of its values, and other values still
    /// show that route.
    fn stays_shown(&self) -> bool {
        if self.best == Best::NONE {
            return true;
        }
        let Some(bits) = self.best.len().checked_sub(self.above) else {
            return false;
        };
        if bits >= self.at.bits() {
            return false;
        }
        let around = Position::around(self.at.first(), bits);
        let first = usize::from(self.at.first());
        first > self.start.max(around.first().into()) || self.at.end() < self.end.min(around.end())
    }

    /// Returns the route that serves the prefix's values without its own; `None` if that route is
    /// hidden, or if the node could become superfluous.
    fn next_best(&self) -> Option<Best> {
        let next = self.surrounding();
        let covers = |entry: &Entry| {
            let bits = entry.at.bits();
            bits < self.at.bits() && Position::around(self.at.first(), bits) == entry.at
        };
        let hidden = self.shape.hidden_entries(self.node).filter(covers);
        let longest = hidden.map(|entry| self.above + entry.at.bits()).max();
        if longest.is_some_and(|longest| longest > next.len()) {
            return None;
        }
        let is_needed = next != Best::NONE
            || self.shape.children > 1
            || self.start < self.at.first().into()
            || self.end > self.at.end()
            || self.has_other_routes();
        is_needed.then_some(next)
    }

    /// Returns whether a hidden route or another run has a route. Does not read other slots.
    fn has_other_routes(&self) -> bool {
        let is_route = |run: usize| matches!(self.node.run(run + 1), Run::Number(1..));
        self.shape.hidden > 0 || (0..self.shape.runs).any(|run| run != self.run && is_route(run))
    }

    /// Returns the longest shorter route that covers the prefix and that a value shows.
    fn surrounding(&self) -> Best {
        let (mut low, mut start) = (self.run, self.start);
        let (mut high, mut end) = (self.run, self.end);
        for bits in (1..self.at.bits()).rev() {
            let around = Position::around(self.at.first(), bits);
            // A value of `around` has the same prefixes of up to `bits` bits as the prefix. So if
            // its best route is that short, it is the longest one around the prefix.
            let decides = |best: Best| best.len() <= self.above + bits;
            while start > around.first().into() {
                low -= 1;
                start = self.starts.before(start);
                let best = self.shape.best(self.node, low);
                if decides(best) {
                    return best;
                }
            }
            while end < around.end() {
                high += 1;
                end = self.starts.from(end + 1);
                let best = self.shape.best(self.node, high);
                if decides(best) {
                    return best;
                }
            }
        }
        Best::NONE
    }

    /// Plans a child for a value that has none.
    pub(super) fn with_child(&self, link: Link) -> Splice {
        let before = (0..self.run).rev().take_while(|_| self.shape.children > 0);
        let mut indices = before.filter_map(|run| match self.node.run(run + 1) {
            Run::Child(child) => Some(child + 1),
            Run::Number(_) => None,
        });
        let index = indices.next().unwrap_or(0);
        let run = RawRun(index as u16 | CHILD, self.best.len());
        let new = Some((link, self.best));
        self.splice(run, Some(ChildEdit { index, new }))
    }

    /// Plans the removal of the child of a value, unless the node could become superfluous.
    pub(super) fn without_child(&self) -> Option<Splice> {
        let index = self.child()?;
        let is_needed =
            self.best != Best::NONE || self.shape.children > 2 || self.has_other_routes();
        let is_possible = is_needed && self.best.number() <= MAX_NARROW;
        let edit = ChildEdit { index, new: None };
        is_possible.then(|| self.splice(RawRun::of(self.best), Some(edit)))
    }

    /// Plans another run for the values of the prefix.
    fn splice(&self, new: RawRun, child: Option<ChildEdit>) -> Splice {
        let (first, end) = (usize::from(self.at.first()), self.at.end());
        let (keeps_left, keeps_right) = (self.start < first, self.end > end);
        let is_same = |run: usize| self.raw_run(run) == new && new.0 & CHILD == 0;
        let joins_left = !keeps_left && self.run > 0 && is_same(self.run - 1);
        let joins_right = !keeps_right && self.run + 1 < self.shape.runs && is_same(self.run + 1);
        let (mut runs, mut len) = ([new; 3], 1 + usize::from(keeps_left));
        if keeps_left {
            runs[0] = self.raw_run(self.run);
        }
        if keeps_right {
            runs[len] = self.raw_run(self.run);
            len += 1;
        }
        let mut starts = self.starts;
        starts.set(first, !joins_left);
        if end < VALUES {
            starts.set(end, !joins_right);
        }
        let replaced = 1 + usize::from(joins_left) + usize::from(joins_right);
        let count = self.shape.runs + len - replaced;
        let children = match child {
            None => self.shape.children,
            Some(ChildEdit { new: Some(_), .. }) => self.shape.children + 1,
            Some(ChildEdit { new: None, .. }) => self.shape.children - 1,
        };
        Splice {
            first: self.run - usize::from(joins_left),
            replaced,
            runs,
            len,
            starts,
            child,
            shape: Shape {
                lengths_at: RUNS_AT + 2 * count,
                runs: count,
                children,
                ..self.shape
            },
        }
    }

    /// Builds a changed copy of the node.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn build(&self, splice: &Splice) -> Result<Fib> {
        let slots = splice.shape.children * size_of::<Slot>();
        let fib = Fib::node(slots, splice.shape.size())?;
        let (to, _) = split(fib.link().0.as_ptr());
        // SAFETY: The new node has room for the splice's shape and, before it, for its slots.
        // `self.node` has the old contents.
        unsafe {
            self.write_slots(splice, to);
            self.write(splice, self.node.node, to);
        }
        Ok(fib)
    }

    /// Changes a node that no reader has, if its memory suffices. Returns whether it did.
    pub(super) fn change_in_place(&self, splice: &Splice, scratch: &mut Scratch) -> bool {
        let lines = |shape: &Shape| {
            let slots = shape.children * size_of::<Slot>();
            [slots, shape.size()].map(|size| size.div_ceil(size_of::<Line>()))
        };
        let [_, count] = lines(&self.shape);
        if lines(&self.shape) != lines(&splice.shape) || count > SCRATCH_LINES {
            return false;
        }
        let copy = scratch.0.as_mut_ptr().cast::<u8>();
        // SAFETY: The scratch memory has these lines, and so has the node, whose new shape needs no
        // more. The caller guarantees that no reader has it.
        unsafe {
            ptr::copy_nonoverlapping(self.node.node, copy, count * size_of::<Line>());
            self.write_slots(splice, self.node.node);
            self.write(splice, copy, self.node.node);
        }
        true
    }

    /// Writes the slots of the changed node.
    ///
    /// # Safety
    ///
    /// `to` is the node, or has room before it for the slots of the splice's shape.
    unsafe fn write_slots(&self, splice: &Splice, to: *mut u8) {
        let (from, to) = (self.node.node.cast::<Slot>(), to.cast::<Slot>());
        let count = self.shape.children;
        // SAFETY: By this function's requirement. The first child's slot is the last one.
        unsafe {
            let (index, new) = match splice.child {
                None => (count, None),
                Some(edit) => (edit.index, edit.new),
            };
            ptr::copy(from.sub(index), to.sub(index), index);
            let Some((link, best)) = new else {
                let rest = count.saturating_sub(index + 1);
                ptr::copy(from.sub(count), to.sub(index + rest), rest);
                return;
            };
            ptr::copy(from.sub(count), to.sub(count + 1), count - index);
            to.sub(index + 1).write(Slot {
                link: PointerWord::new(link.0.as_ptr()),
                best: NumberWord::new(best.0),
                mark: 0.into(),
            });
        }
    }

    /// Writes the changed node without its slots.
    ///
    /// # Safety
    ///
    /// `from` has the contents of the node, and `to` has room for the splice's shape.
    unsafe fn write(&self, splice: &Splice, from: *const u8, to: *mut u8) {
        let (old, new) = (&self.shape, &splice.shape);
        let after = splice.first + splice.replaced;
        let rest = old.runs - after;
        // SAFETY: By this function's requirement, all offsets are inside of both.
        unsafe {
            splice.starts.write(to);
            let copy = |from_at: usize, to_at: usize, len: usize| {
                ptr::copy_nonoverlapping(from.add(from_at), to.add(to_at), len);
            };
            copy(RUNS_AT, RUNS_AT, 2 * splice.first);
            copy(old.lengths_at, new.lengths_at, splice.first);
            let runs = to.add(RUNS_AT).cast::<u16>();
            for (at, run) in (splice.first..).zip(&splice.runs[..splice.len]) {
                runs.add(at).write(run.0);
                to.add(new.lengths_at + at).write(run.1);
            }
            let at = splice.first + splice.len;
            copy(RUNS_AT + 2 * after, RUNS_AT + 2 * at, 2 * rest);
            if let Some(edit) = splice.child {
                let change = if edit.new.is_some() { 1 } else { -1 };
                for run in core::slice::from_raw_parts_mut(runs.add(at), rest) {
                    if *run & CHILD != 0 {
                        *run = run.wrapping_add_signed(change);
                    }
                }
            }
            // The mark and the count of hidden routes follow the lengths.
            copy(old.lengths_at + after, new.lengths_at + at, rest + COUNTS);
            let mark = to.add(new.lengths_at + new.runs);
            mark.write(if new.children > 0 { HAS_CHILDREN } else { 0 });
            if old.has_key {
                copy(old.hidden_at() - 16, new.hidden_at() - 16, 16);
            }
            copy(
                old.hidden_at(),
                new.hidden_at(),
                old.size() - old.hidden_at(),
            );
        }
    }
}

impl Starts {
    /// Writes the starts of a node, and the runs before each word.
    ///
    /// # Safety
    ///
    /// `node` is an unpublished node.
    unsafe fn write(&self, node: *mut u8) {
        // SAFETY: A node begins with these words and counts.
        unsafe { write_starts(node, &self.0) };
    }
}
