// SPDX-License-Identifier: GPL-2.0

//! The routes of a level that no value shows: a sorted array of six bytes a route.
//!
//! Either longer prefixes of the same level cover the whole prefix of such a route, or another
//! route of the prefix has a lower metric.

use super::{depth_of, gfp, object::yield_before_copy, value_at, MAX_NUMBER, STRIDE, VALUES};
use core::mem::{size_of, size_of_val};
use kernel::prelude::*;

/// The words of a route: its position, and the halves of its number.
pub(super) const WORDS: usize = 3;

/// The words that an empty list keeps allocated, so that most changes allocate nothing.
const ROOM: usize = 64 * WORDS;

/// The words that [`Hidden::extend_from`] copies at a time to an aligned buffer: a node's words are
/// not aligned.
const PIECE: usize = 64 * WORDS;

/// The position of a prefix in its level: ordered by the first value, then by the length.
///
/// The low four bits are the number of bits that the level decides, from 0 to 8. The next eight
/// bits are the first value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Position(u16);

impl Position {
    /// Returns the position of a prefix of `len` bits in its level.
    pub(in super::super) fn of(bits: u128, len: u8) -> Self {
        let depth = depth_of(len);
        Self::new(value_at(bits, depth), len - depth * STRIDE)
    }

    pub(in super::super) const fn new(first: u8, bits: u8) -> Self {
        Self(((first as u16) << 4) | bits as u16)
    }

    /// Returns the position of the prefix of that many bits around a value.
    pub(super) const fn around(value: u8, bits: u8) -> Self {
        Self::new(value & !((0xff_u16 >> bits) as u8), bits)
    }

    pub(in super::super) const fn first(self) -> u8 {
        (self.0 >> 4) as u8
    }

    pub(in super::super) const fn bits(self) -> u8 {
        (self.0 & 0xf) as u8
    }

    /// Returns the end of the prefix's values, which is at most [`VALUES`].
    pub(super) const fn end(self) -> usize {
        self.first() as usize + (VALUES >> self.bits())
    }

    /// Returns how many positions of a level come before this one.
    pub(in super::super) const fn index(self) -> usize {
        // The positions are a binary tree; this is the place of a node in pre-order.
        let first = self.first();
        self.bits() as usize + 2 * first as usize - first.count_ones() as usize
    }

    /// Returns the position before which `index` others come.
    pub(in super::super) const fn at_index(index: usize) -> Self {
        let (mut rest, mut first, mut bits) = (index, 0, 0);
        while rest > 0 && bits < STRIDE {
            bits += 1;
            rest -= 1;
            let below = (1 << (STRIDE + 1 - bits)) - 1;
            if rest >= below {
                rest -= below;
                first |= 1 << (STRIDE - bits);
            }
        }
        Self::new(first, bits)
    }
}

/// A route of a level.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) at: Position,
    pub(super) number: u32,
}

/// Hidden routes in the order of their positions. Those of one prefix are in the order of their
/// metrics.
pub(super) struct Hidden(KVVec<u16>);

impl Hidden {
    /// Allocates a list with room.
    ///
    /// Errors: `ENOMEM`.
    pub(super) fn with_room() -> Result<Self> {
        Ok(Self(KVVec::with_capacity(ROOM, gfp())?))
    }

    /// Returns a copy without further room.
    ///
    /// Errors: `ENOMEM`.
    pub(super) fn copy(&self) -> Result<Self> {
        yield_before_copy(size_of_val(&self.0[..]));
        let mut copy = KVVec::with_capacity(self.0.len(), gfp())?;
        copy.extend_from_slice(&self.0, gfp())?;
        Ok(Self(copy))
    }

    /// Removes all routes. Replaces a large allocation by a small one, if there is memory for it.
    pub(super) fn clear(&mut self) {
        self.0.clear();
        if self.0.capacity() > ROOM {
            if let Ok(small) = Self::with_room() {
                *self = small;
            }
        }
    }

    /// Appends routes as words.
    ///
    /// Errors: `ENOMEM`.
    pub(super) fn extend(&mut self, words: &[u16]) -> Result {
        Ok(self.0.extend_from_slice(words, gfp())?)
    }

    /// Appends `routes` hidden routes of a node, which begin at `from`.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    ///
    /// # Safety
    ///
    /// The node is live, and `routes` hidden routes begin at `from`.
    pub(super) unsafe fn extend_from(&mut self, from: *const u8, routes: usize) -> Result {
        let words = WORDS * routes;
        self.0.reserve(words + WORDS, gfp())?;
        for at in (0..words).step_by(PIECE) {
            let mut piece = [0_u16; PIECE];
            let len = PIECE.min(words - at);
            // SAFETY: The node has these words, of which at most `PIECE` are copied.
            unsafe {
                let from = from.add(at * size_of::<u16>());
                from.copy_to_nonoverlapping(piece.as_mut_ptr().cast(), len * size_of::<u16>());
            }
            self.extend(&piece[..len])?;
        }
        Ok(())
    }

    pub(super) fn words(&self) -> &[u16] {
        &self.0
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<u16>()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len() / WORDS
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn get(&self, index: usize) -> Option<Entry> {
        let words = self.0.get(index * WORDS..)?;
        Some(Entry {
            at: Position(*words.first()?),
            number: (u32::from(*words.get(1)?) << 16) | u32::from(*words.get(2)?),
        })
    }

    /// Returns the index of the first route at or after a position.
    pub(super) fn index_of(&self, at: Position) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = (low + high) / 2;
            match self.0[middle * WORDS] < at.0 {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low
    }

    /// Returns the routes of a position.
    pub(super) fn at(&self, at: Position) -> impl Iterator<Item = u32> + '_ {
        let first = self.index_of(at);
        let entries = (first..self.len()).map_while(|index| self.get(index));
        entries
            .take_while(move |entry| entry.at == at)
            .map(|entry| entry.number)
    }

    /// Inserts a route at an index.
    ///
    /// Errors: `ENOMEM`.
    pub(super) fn insert(&mut self, index: usize, at: Position, number: u32) -> Result {
        let (start, end) = (index * WORDS, self.0.len());
        self.extend(&[0; WORDS])?;
        self.0.copy_within(start..end, start + WORDS);
        self.0[start] = at.0;
        self.set(index, number);
        Ok(())
    }

    /// Replaces the number of a route.
    pub(super) fn set(&mut self, index: usize, number: u32) {
        debug_assert!(number <= MAX_NUMBER);
        self.0[index * WORDS + 1] = (number >> 16) as u16;
        self.0[index * WORDS + 2] = number as u16;
    }

    /// Removes a route.
    pub(super) fn remove(&mut self, index: usize) {
        let start = index * WORDS;
        self.0.copy_within(start + WORDS.., start);
        self.0.truncate(self.0.len() - WORDS);
    }
}

/// Returns a route from its words.
pub(super) fn entry_of(words: [u16; WORDS]) -> Entry {
    Entry {
        at: Position(words[0]),
        number: (u32::from(words[1]) << 16) | u32::from(words[2]),
    }
}
