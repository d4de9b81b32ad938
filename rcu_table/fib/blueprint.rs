// SPDX-License-Identifier: GPL-2.0

//! Blueprints: the contents of a level, which the updater edits before it builds a node from them,
//! or stores the changed values of a page.
//!
//! A level has no list of its routes. The prefix of a best route is the one of its length around
//! the value. Only routes that no value shows are [`Hidden`].

use super::{
    hidden::{Hidden, Position},
    lookup::halves,
    node::{
        key_at, split, write_starts, Link, Shape, CHILD, HAS_CHILDREN, RUNS_AT, WIDE, WIDE_CHILD,
    },
    object::{gfp, Fib},
    splice::Scratch,
    word::{NumberWord, PointerWord},
    Best, Slot, VALUES,
};
use core::mem::{size_of, size_of_val};
use kernel::prelude::*;

/// The largest number that a narrow run can hold.
pub(super) const MAX_NARROW: u32 = CHILD as u32 - 1;

/// Consecutive values with the same route, or one value with a child.
#[derive(Clone, Copy)]
pub(super) struct Piece {
    /// The first value.
    pub(super) start: usize,
    pub(super) best: Best,
    pub(super) child: Option<Link>,
}

impl Piece {
    /// All values, without a route.
    const NONE: Self = Self {
        start: 0,
        best: Best::NONE,
        child: None,
    };
}

/// A change of the routes of one prefix. The routes have indices in the order of their metrics.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Edit {
    /// Inserts a number before the route with that index.
    Insert(usize, u32),
    /// Replaces the number of a route.
    Replace(usize, u32),
    /// Removes a route.
    Remove(usize),
}

/// The contents of a level that is being changed.
pub(in super::super) struct Blueprint {
    pieces: KVVec<Piece>,
    len: usize,
    pub(super) hidden: Hidden,
    /// Whether the hidden routes differ from those that were read.
    pub(super) hidden_changed: bool,
    /// The bits that the levels above decide.
    above: u8,
    pub(super) scratch: Scratch,
}

impl Blueprint {
    /// Allocates a blueprint.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(in super::super) fn new() -> Result<Self> {
        Ok(Self {
            pieces: KVVec::from_elem(Piece::NONE, VALUES, gfp())?,
            len: 1,
            hidden: Hidden::with_room()?,
            hidden_changed: false,
            above: 0,
            scratch: Scratch::new()?,
        })
    }

    /// Starts a level without routes and children.
    pub(super) fn clear(&mut self, above: u8) {
        self.pieces[0] = Piece::NONE;
        self.len = 1;
        self.hidden.clear();
        self.hidden_changed = false;
        self.above = above;
    }

    /// Appends a piece that starts after all others, or replaces the first one.
    pub(super) fn append(&mut self, piece: Piece) {
        let at = if piece.start == 0 { 0 } else { self.len };
        self.pieces[at] = piece;
        self.len = at + 1;
    }

    /// Returns the index of the piece of a value.
    fn index_of(&self, value: usize) -> usize {
        self.pieces[..self.len].partition_point(|piece| piece.start <= value) - 1
    }

    /// Returns the best route of a value.
    pub(super) fn best_of(&self, value: usize) -> Best {
        self.pieces[self.index_of(value)].best
    }

    /// Makes a piece start at a value. Returns the index of that piece; for the end of all values,
    /// the number of pieces.
    fn split(&mut self, value: usize) -> usize {
        if value == VALUES {
            return self.len;
        }
        let at = self.index_of(value);
        if self.pieces[at].start == value {
            return at;
        }
        // No two pieces start at the same value, so there are at most `VALUES`.
        self.pieces.copy_within(at..self.len, at + 1);
        self.pieces[at + 1].start = value;
        self.len += 1;
        at + 1
    }

    /// Returns the pieces that overlap a prefix.
    fn overlapping(&self, at: Position) -> core::ops::Range<usize> {
        let first = self.index_of(at.first().into());
        let after = self.pieces[first..self.len].iter();
        first..first + after.take_while(|piece| piece.start < at.end()).count()
    }

    /// Returns whether the best route of a value is a route of the prefix of `bits` bits around it.
    fn is_of(&self, best: Best, bits: u8) -> bool {
        best != Best::NONE && best.len() == self.above + bits
    }

    /// Returns the best route of a prefix, if a value shows it.
    fn shown(&self, at: Position) -> Option<Best> {
        let pieces = self.pieces[self.overlapping(at)].iter();
        let mut bests = pieces.map(|piece| piece.best);
        bests.find(|best| self.is_of(*best, at.bits()))
    }

    /// Returns the numbers of the routes of a prefix, the lowest metric first.
    pub(super) fn numbers(&self, at: Position) -> impl Iterator<Item = u32> + '_ {
        let shown = self.shown(at).map(Best::number);
        Iterator::chain(shown.into_iter(), self.hidden.at(at))
    }

    /// Replaces the best route of the values that show a prefix.
    fn set_shown(&mut self, at: Position, best: Best) {
        let from = self.split(at.first().into());
        for index in from..self.split(at.end()) {
            if self.is_of(self.pieces[index].best, at.bits()) {
                self.pieces[index].best = best;
            }
        }
    }

    fn best(&self, at: Position, number: u32) -> Best {
        Best::new(number, self.above + at.bits())
    }

    fn hide(&mut self, index: usize, at: Position, number: u32) -> Result {
        self.hidden_changed = true;
        self.hidden.insert(index, at, number)
    }

    fn unhide(&mut self, index: usize) {
        self.hidden_changed = true;
        self.hidden.remove(index);
    }

    /// Changes the routes of a prefix.
    ///
    /// Errors: `ENOMEM`; the caller must then read or clear the blueprint before its next use.
    pub(super) fn apply(&mut self, at: Position, edit: Edit) -> Result {
        let first = self.hidden.index_of(at);
        let shown = self.shown(at);
        // The hidden routes of the prefix follow the shown one.
        let hidden_at = |index: usize| first + index - usize::from(shown.is_some());
        match (edit, shown) {
            (Edit::Insert(0, number), Some(shown)) => {
                self.set_shown(at, self.best(at, number));
                self.hide(first, at, shown.number())
            }
            (Edit::Insert(0, number), None) if self.hidden.at(at).next().is_none() => {
                self.show(at, number)
            }
            (Edit::Insert(index, number), _) => self.hide(hidden_at(index), at, number),
            (Edit::Replace(0, number), Some(_)) => {
                self.set_shown(at, self.best(at, number));
                Ok(())
            }
            (Edit::Replace(index, number), _) => {
                self.hidden_changed = true;
                self.hidden.set(hidden_at(index), number);
                Ok(())
            }
            (Edit::Remove(0), Some(_)) => {
                self.uncover(at, first);
                Ok(())
            }
            (Edit::Remove(index), _) => {
                self.unhide(hidden_at(index));
                Ok(())
            }
        }
    }

    /// Inserts the first route of a prefix.
    fn show(&mut self, at: Position, number: u32) -> Result {
        let best = self.best(at, number);
        let (from, mut covered, mut shows) = (self.split(at.first().into()), Best::NONE, false);
        let to = self.split(at.end());
        for piece in &mut self.pieces[from..to] {
            if piece.best == Best::NONE || piece.best.len() < best.len() {
                covered = piece.best;
                piece.best = best;
                shows = true;
            }
        }
        if !shows {
            return self.hide(self.hidden.index_of(at), at, number);
        }
        // All values that now show the prefix showed the same route: the longest one around it.
        if covered == Best::NONE {
            return Ok(());
        }
        let around = Position::around(at.first(), covered.len() - self.above);
        if self.shown(around).is_some() {
            return Ok(());
        }
        self.hide(self.hidden.index_of(around), around, covered.number())
    }

    /// Removes the shown route of a prefix; `first` is the index of its first hidden one.
    fn uncover(&mut self, at: Position, first: usize) {
        let next = self.hidden.get(first).filter(|entry| entry.at == at);
        if let Some(next) = next {
            self.set_shown(at, self.best(at, next.number));
            self.unhide(first);
            return;
        }
        let least = u8::from(self.above > 0);
        for bits in (least..at.bits()).rev() {
            let around = Position::around(at.first(), bits);
            if let Some(best) = self.shown(around) {
                return self.set_shown(at, best);
            }
            let index = self.hidden.index_of(around);
            if let Some(entry) = self.hidden.get(index).filter(|entry| entry.at == around) {
                self.set_shown(at, self.best(around, entry.number));
                return self.unhide(index);
            }
        }
        self.set_shown(at, Best::NONE);
    }

    /// Sets the child of a value, or removes it.
    pub(super) fn set_child(&mut self, value: u8, child: Option<Link>) {
        let at = self.split(value.into());
        self.split(usize::from(value) + 1);
        self.pieces[at].child = child;
    }

    /// Returns whether there are no routes.
    pub(super) fn has_no_routes(&self) -> bool {
        let pieces = self.pieces[..self.len].iter();
        self.hidden.is_empty()
            && pieces
                .map(|piece| piece.best)
                .all(|best| best == Best::NONE)
    }

    /// Returns the children.
    pub(super) fn children(&self) -> impl Iterator<Item = Link> + '_ {
        self.pieces[..self.len]
            .iter()
            .filter_map(|piece| piece.child)
    }

    /// Merges pieces with the same route. Returns the number of children, and whether a number
    /// needs a run of four bytes.
    fn merge(&mut self) -> (usize, bool) {
        let (mut kept, mut children, mut greatest) = (0, 0, 0);
        for at in 0..self.len {
            let piece = self.pieces[at];
            match piece.child {
                Some(_) => children += 1,
                None => {
                    let last: usize = kept;
                    let before = last.checked_sub(1).map(|last| self.pieces[last]);
                    let same = |last: Piece| last.child.is_none() && last.best == piece.best;
                    if before.is_some_and(same) {
                        continue;
                    }
                    greatest = greatest.max(piece.best.number());
                }
            }
            self.pieces[kept] = piece;
            kept += 1;
        }
        self.len = kept;
        (children, greatest > MAX_NARROW)
    }

    /// Builds a node. `key`: the address bits that lead to it, for IPv6.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn build(&mut self, key: Option<u128>) -> Result<Fib> {
        let (children, is_wide) = self.merge();
        let runs = self.len;
        let shape = Shape {
            lengths_at: RUNS_AT + runs * if is_wide { 4 } else { 2 },
            runs,
            children,
            hidden: self.hidden.len(),
            has_key: key.is_some(),
        };
        let fib = Fib::node(children * size_of::<Slot>(), shape.size())?;
        let (node, _) = split(fib.link().0.as_ptr());
        // SAFETY: The new node has the size of that shape, and before it room for the slots of its
        // children. No reader has it.
        unsafe {
            self.write_runs(node, &shape, is_wide);
            let counts = node.add(shape.lengths_at + runs);
            counts.write(if children > 0 { HAS_CHILDREN } else { 0 });
            counts
                .add(1)
                .cast::<u16>()
                .write_unaligned(shape.hidden as u16);
            if let Some(key) = key {
                let at = node.add(key_at(shape.lengths_at, runs));
                at.cast::<[u64; 2]>().write(halves(key));
            }
            let words = self.hidden.words();
            let hidden = node.add(shape.hidden_at());
            hidden.copy_from_nonoverlapping(words.as_ptr().cast(), size_of_val(words));
        }
        Ok(match is_wide {
            true => fib.tagged(WIDE),
            false => fib,
        })
    }

    /// Writes the starts, runs and lengths, and the slots of the children.
    ///
    /// # Safety
    ///
    /// `node` is an unpublished node of that shape, which is the blueprint's.
    unsafe fn write_runs(&self, node: *mut u8, shape: &Shape, is_wide: bool) {
        let (mut starts, mut child) = ([0_u64; 4], 0);
        for (at, piece) in self.pieces[..self.len].iter().enumerate() {
            starts[piece.start / 64] |= 1 << (piece.start % 64);
            let (run, wide_run) = match piece.child {
                Some(_) => (child as u16 | CHILD, child as u32 | WIDE_CHILD),
                None => (piece.best.number() as u16, piece.best.number()),
            };
            // SAFETY: The shape has room for these runs, lengths and slots.
            unsafe {
                match is_wide {
                    true => node.add(RUNS_AT).cast::<u32>().add(at).write(wide_run),
                    false => node.add(RUNS_AT).cast::<u16>().add(at).write(run),
                }
                node.add(shape.lengths_at + at).write(piece.best.len());
                if let Some(link) = piece.child {
                    let slot = Slot {
                        link: PointerWord::new(link.0.as_ptr()),
                        best: NumberWord::new(piece.best.0),
                        mark: 0.into(),
                    };
                    node.cast::<Slot>().sub(child + 1).write(slot);
                    child += 1;
                }
            }
        }
        // SAFETY: No reader has the node.
        unsafe { write_starts(node, &starts) };
    }
}

// SAFETY: A blueprint follows none of its links, and owns all other memory that it has.
unsafe impl Send for Blueprint {}
