// SPDX-License-Identifier: GPL-2.0

//! The change that most updates make: one run serves all values of the prefix, and no hidden route
//! appears or disappears. Then the new node is a copy of the old one with up to three runs instead
//! of that run and of equal neighbours. All other changes need a [blueprint](super::blueprint).

use super::{
    blueprint::{Edit, MAX_NARROW},
    hidden::{Entry, Position},
    level::NodeAt,
    node::{Run, Shape, RUNS_AT, WIDE},
    object::{Fib, Line},
    Best, Slot, VALUES,
};
use core::{mem::size_of, ptr};
use kernel::prelude::*;

/// The lines of a node, without its slots, that can be changed in place.
const SCRATCH_LINES: usize = 24;

/// A copy of a node that is being changed in place.
pub(super) struct Scratch(KVVec<Line>);

impl Scratch {
    /// Errors: `ENOMEM`.
    pub(super) fn new() -> Result<Self> {
        Ok(Self(KVVec::with_capacity(SCRATCH_LINES, super::gfp())?))
    }
}

/// The place of a prefix in a node in which one run serves all its values.
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

/// The runs that replace others.
pub(super) struct Splice {
    /// The index of the first run that is replaced, and the number of those.
    first: usize,
    replaced: usize,
    /// The new runs.
    runs: [Best; 3],
    len: usize,
    starts: Starts,
    shape: Shape,
}

impl<'a> Spot<'a> {
    /// Returns the place of a prefix, unless the prefix needs a blueprint.
    pub(super) fn find(node: NodeAt<'a>, shape: Shape, above: u8, at: Position) -> Option<Self> {
        if node.tags & WIDE != 0 || shape.hidden_entries(node).any(|entry| entry.at == at) {
            return None;
        }
        let starts = Starts([0, 1, 2, 3].map(|group| node.starts(group)));
        let run = node.rank(at.first()) - 1;
        let start = starts.before(usize::from(at.first()) + 1);
        let end = starts.from(usize::from(at.first()) + 1);
        if end < at.end() {
            return None;
        }
        let best = match node.run(run + 1) {
            Run::Number(_) => shape.best(node, run),
            Run::Child(_) => return None,
        };
        Some(Self {
            node,
            shape,
            starts,
            at,
            above,
            run,
            start,
            end,
            best,
        })
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
        (new.number() <= MAX_NARROW).then(|| self.splice(new))
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
        (next != Best::NONE || self.has_others()).then_some(next)
    }

    /// Returns whether the node is needed without the prefix's route: other routes or two children.
    /// If only a child's slot shows other routes, returns false.
    fn has_others(&self) -> bool {
        let is_route = |run: usize| matches!(self.node.run(run + 1), Run::Number(1..));
        self.shape.hidden > 0
            || self.shape.children > 1
            || self.start < self.at.first().into()
            || self.end > self.at.end()
            || (0..self.shape.runs).any(|run| run != self.run && is_route(run))
    }

    /// Returns the longest shorter route that covers the prefix and that a value shows.
    fn surrounding(&self) -> Best {
        let (mut low, mut start) = (self.run, self.start);
        let (mut high, mut end) = (self.run, self.end);
        for bits in (1..self.at.bits()).rev() {
            let around = Position::around(self.at.first(), bits);
            // A value around the prefix has no longer route than the prefix, so it has the same
            // ones of up to `bits` bits.
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

    /// Gives the values of the prefix another route.
    fn splice(&self, new: Best) -> Splice {
        let (first, end) = (usize::from(self.at.first()), self.at.end());
        let (keeps_left, keeps_right) = (self.start < first, self.end > end);
        let is_same = |run: usize| {
            matches!(self.node.run(run + 1), Run::Number(_))
                && self.shape.best(self.node, run) == new
        };
        let joins_left = !keeps_left && self.run > 0 && is_same(self.run - 1);
        let joins_right = !keeps_right && self.run + 1 < self.shape.runs && is_same(self.run + 1);
        let (mut runs, mut len) = ([new; 3], 1 + usize::from(keeps_left));
        if keeps_left {
            runs[0] = self.best;
        }
        if keeps_right {
            runs[len] = self.best;
            len += 1;
        }
        let mut starts = self.starts;
        starts.set(first, !joins_left);
        if end < VALUES {
            starts.set(end, !joins_right);
        }
        let replaced = 1 + usize::from(joins_left) + usize::from(joins_right);
        let count = self.shape.runs + len - replaced;
        Splice {
            first: self.run - usize::from(joins_left),
            replaced,
            runs,
            len,
            starts,
            shape: Shape {
                lengths_at: RUNS_AT + 2 * count,
                runs: count,
                ..self.shape
            },
        }
    }

    /// Builds a changed copy of the node.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn build(&self, splice: &Splice) -> Result<Fib> {
        let slots = self.shape.children * size_of::<Slot>();
        let fib = Fib::node(slots, splice.shape.size())?;
        let (to, _) = super::node::split(fib.link().0.as_ptr());
        // SAFETY: Both nodes have these slots before them, and the new one has the splice's shape.
        unsafe {
            ptr::copy_nonoverlapping(self.node.node.sub(slots), to.sub(slots), slots);
            self.write(splice, self.node.node, to);
        }
        Ok(fib)
    }

    /// Changes a node that no reader has, if its memory suffices. Returns whether it did.
    pub(super) fn change_in_place(&self, splice: &Splice, scratch: &mut Scratch) -> bool {
        let lines = self.shape.size().div_ceil(size_of::<Line>());
        if lines != splice.shape.size().div_ceil(size_of::<Line>()) || lines > SCRATCH_LINES {
            return false;
        }
        let copy = scratch.0.as_mut_ptr().cast::<u8>();
        // SAFETY: The scratch memory has these lines, and so has the node, whose new shape needs no
        // more. The caller guarantees that no reader has it.
        unsafe {
            ptr::copy_nonoverlapping(self.node.node, copy, lines * size_of::<Line>());
            self.write(splice, copy, self.node.node);
        }
        true
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
            for (at, best) in (splice.first..).zip(&splice.runs[..splice.len]) {
                to.add(RUNS_AT)
                    .cast::<u16>()
                    .add(at)
                    .write(best.number() as u16);
                to.add(new.lengths_at + at).write(best.len());
            }
            let at = splice.first + splice.len;
            copy(RUNS_AT + 2 * after, RUNS_AT + 2 * at, 2 * rest);
            // The mark and the count of hidden routes follow the lengths.
            copy(
                old.lengths_at + after,
                new.lengths_at + at,
                rest + super::node::COUNTS,
            );
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
        unsafe { super::node::write_starts(node, &self.0) };
    }
}
