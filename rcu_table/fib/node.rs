// SPDX-License-Identifier: GPL-2.0

//! Pages and nodes as readers see them.

use super::{bulk::prefetch, hidden::WORDS, Best, Slot, Slots, NO_NODE, NO_PAGE, VALUES};
use core::{
    marker::PhantomData,
    ptr::NonNull,
    sync::atomic::{AtomicU8, Ordering},
};

/// The bits of a link that count the levels that are left out above its node.
pub(super) const SKIPPED: usize = 0xf;
/// The bit of a link whose node has runs of four bytes.
pub(super) const WIDE: usize = 0x10;
/// The bit of a link that only a transaction in progress uses: no reader has seen the target.
const PRIVATE: usize = 0x20;
/// All bits of a link that are no part of the address.
const TAGS: usize = 0x3f;

/// The bit of a narrow run that leads to a child.
pub(super) const CHILD: u16 = 1 << 15;
/// The bit of a wide run that leads to a child.
pub(super) const WIDE_CHILD: u32 = 1 << 31;

/// The bit of the mark of an object in quarantine.
pub(super) const POISONED: u8 = 1;
/// The bit of the mark of a node with children.
pub(super) const HAS_CHILDREN: u8 = 2;

/// The lines after the first one that a change prefetches.
const PREFETCHED: usize = 3;

/// The bytes before the first run.
pub(super) const RUNS_AT: usize = 36;

/// A link to a page or node, as a slot holds it.
///
/// # Invariants
///
/// Without its tags it is the address of a page or of a node's first line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Link(pub(super) NonNull<u8>);

// SAFETY: A link is an address. Code that follows it must itself ensure that the target is live.
unsafe impl Send for Link {}
// SAFETY: A shared link gives its address alone, as a copy of the link does.
unsafe impl Sync for Link {}

impl Link {
    /// Returns the link that a slot holds.
    pub(super) fn of(slot: &Slot) -> Self {
        // INVARIANT: A slot links to a page or node. It holds no null pointer.
        NonNull::new(slot.link()).map_or(Self::no_node(), Self)
    }

    /// Prefetches the lines after the first one of a node, which a change reads, too.
    pub(super) fn prefetch(self) {
        for line in 1..=PREFETCHED {
            prefetch(split(self.0.as_ptr()).0.wrapping_byte_add(64 * line));
        }
    }

    /// The link to a node without routes.
    pub(in super::super) fn no_node() -> Self {
        // INVARIANT: The static is a node.
        Self(NonNull::from(&NO_NODE).cast())
    }

    /// The link to a page without routes and children.
    pub(in super::super) fn no_page() -> Self {
        // INVARIANT: The static is a page.
        Self(NonNull::from(&NO_PAGE).cast())
    }

    /// Returns whether the link leads to nothing.
    pub(super) fn is_nothing(self) -> bool {
        self == Self::no_node() || self == Self::no_page()
    }

    /// Returns whether a transaction in progress owns the target.
    pub(super) fn is_private(self) -> bool {
        self.0.as_ptr() as usize & PRIVATE != 0
    }

    /// Returns the link as that of a transaction in progress.
    pub(super) fn private(self) -> Self {
        match self.is_private() {
            true => self,
            // INVARIANT: Only a tag changes. The sum is no null pointer.
            false => NonNull::new(self.0.as_ptr().wrapping_byte_add(PRIVATE)).map_or(self, Self),
        }
    }

    /// Returns the link as readers get it.
    pub(super) fn public(self) -> Self {
        match self.is_private() {
            // INVARIANT: Only a tag changes.
            true => NonNull::new(self.0.as_ptr().wrapping_byte_sub(PRIVATE)).map_or(self, Self),
            false => self,
        }
    }

    /// Returns the number of levels that are left out above the node.
    pub(super) fn skipped(self) -> u8 {
        (self.0.as_ptr() as usize & SKIPPED) as u8
    }

    /// Returns the link for a place above which `skipped` levels are left out.
    pub(in super::super) fn skipping(self, skipped: u8) -> Self {
        let tags = self.0.as_ptr() as usize & SKIPPED;
        let link = self.0.as_ptr().wrapping_byte_sub(tags);
        let link = link.wrapping_byte_add(usize::from(skipped) & SKIPPED);
        // INVARIANT: Only a tag has changed. It is not null, because the address is not.
        NonNull::new(link).map_or(self, Self)
    }
}

/// The run of a value.
#[derive(Clone, Copy)]
pub(super) enum Run {
    /// The number of the answer, or 0.
    Number(u32),
    /// The index of the child.
    Child(usize),
}

/// Returns the parts of a link: the address and the tags.
#[inline(always)]
pub(super) fn split(link: *mut u8) -> (*mut u8, usize) {
    let tags = link as usize & TAGS;
    (link.wrapping_byte_sub(tags), tags)
}

/// Returns how many runs start at or before a value.
///
/// # Safety
///
/// `node` is a live node.
#[inline(always)]
pub(super) unsafe fn rank(node: *mut u8, value: u8) -> usize {
    let group = usize::from(value >> 6);
    // SAFETY: The caller guarantees a node, which begins with four words of 64 bits and four bytes.
    // A published node's words do not change, and an unpublished node has one user.
    let (starts, before) = unsafe { (*node.cast::<u64>().add(group), *node.add(32 + group)) };
    // The shift removes the starts after the value. A mask would cost a second shift.
    let upto = starts << (63 - (value & 63));
    upto.count_ones() as usize + usize::from(before)
}

/// Returns the run of number `rank`, counted from 1.
///
/// # Safety
///
/// `node` is a live node, with that many runs at least; `tags` are those of its link.
#[inline(always)]
pub(super) unsafe fn run(node: *mut u8, tags: usize, rank: usize) -> Run {
    if tags & WIDE != 0 {
        // SAFETY: The caller guarantees that the node has the run, which does not change.
        let run = unsafe { *node.add(RUNS_AT - 4 + 4 * rank).cast::<u32>() };
        return match run & WIDE_CHILD {
            0 => Run::Number(run),
            _ => Run::Child((run & !WIDE_CHILD) as usize),
        };
    }
    // SAFETY: The caller guarantees that the node has the run, which does not change.
    let run = unsafe { *node.add(RUNS_AT - 2 + 2 * rank).cast::<u16>() };
    match run & CHILD {
        0 => Run::Number(run.into()),
        _ => Run::Child(usize::from(run & !CHILD)),
    }
}

/// Returns the slot of a child.
///
/// # Safety
///
/// `node` is a live node with that child, during `'a`.
#[inline(always)]
pub(super) unsafe fn slot<'a>(node: *mut u8, child: usize) -> &'a Slot {
    // SAFETY: The caller guarantees the child, whose slot lies before the node.
    unsafe { &*node.cast::<Slot>().sub(child + 1) }
}

/// Returns the offset of the lengths, and the number of runs.
///
/// # Safety
///
/// `node` is a live node; `tags` are those of its link.
#[inline(always)]
unsafe fn lengths(node: *mut u8, tags: usize) -> (usize, usize) {
    // SAFETY: The caller guarantees a node.
    let runs = unsafe { rank(node, u8::MAX) };
    let size = if tags & WIDE != 0 { 4 } else { 2 };
    (RUNS_AT + size * runs, runs)
}

/// Returns the length of the prefix that serves run number `rank`, counted from 1.
///
/// # Safety
///
/// As for [`run`].
#[inline(always)]
pub(super) unsafe fn len_of(node: *mut u8, tags: usize, rank: usize) -> u8 {
    // SAFETY: The caller guarantees a node with that run; a length follows for each run.
    unsafe {
        let (at, _) = lengths(node, tags);
        *node.add(at + rank - 1)
    }
}

/// The bytes after the lengths: the mark, and the number of hidden routes. With three runs and a
/// key a node just fits into a line.
pub(super) const COUNTS: usize = 3;

/// Returns the offset of the key in a node with `runs` runs: after the mark and the counts.
pub(super) const fn key_at(lengths_at: usize, runs: usize) -> usize {
    (lengths_at + runs + COUNTS).next_multiple_of(8)
}

/// The sizes of the parts of a node.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) lengths_at: usize,
    pub(super) runs: usize,
    pub(super) children: usize,
    pub(super) hidden: usize,
    pub(super) has_key: bool,
}

impl Shape {
    /// Returns the offset of the hidden routes.
    pub(super) const fn hidden_at(&self) -> usize {
        match self.has_key {
            true => key_at(self.lengths_at, self.runs) + 16,
            false => self.lengths_at + self.runs + COUNTS,
        }
    }

    /// Returns the size of the node without its slots.
    pub(super) const fn size(&self) -> usize {
        self.hidden_at() + 2 * WORDS * self.hidden
    }
}

/// Returns the sizes of the parts of a node.
///
/// # Safety
///
/// `node` is a live node; `tags` are those of its link; `has_key` is set for IPv6.
pub(super) unsafe fn shape(node: *mut u8, tags: usize, has_key: bool) -> Shape {
    // SAFETY: The caller guarantees a node, in which the count follows the lengths and the mark.
    unsafe {
        let (lengths_at, runs) = lengths(node, tags);
        let hidden = node.add(lengths_at + runs + 1);
        let mark = (*node.add(lengths_at + runs).cast::<AtomicU8>()).load(Ordering::Relaxed);
        let has_children = mark & HAS_CHILDREN != 0;
        // Runs name children in ascending order, so the last of these runs names the last child.
        let mut ranks = (1..=runs).rev().take_while(|_| has_children);
        let last = ranks.find_map(|rank| match run(node, tags, rank) {
            Run::Child(child) => Some(child + 1),
            Run::Number(_) => None,
        });
        Shape {
            lengths_at,
            runs,
            children: last.unwrap_or(0),
            hidden: hidden.cast::<u16>().read_unaligned().into(),
            has_key,
        }
    }
}

/// Returns whether a node has children.
///
/// # Safety
///
/// `node` is a live node; `tags` are those of its link.
pub(super) unsafe fn has_children(node: *mut u8, tags: usize) -> bool {
    // SAFETY: By this function's requirement.
    unsafe { mark(node, tags).load(Ordering::Relaxed) & HAS_CHILDREN != 0 }
}

/// Writes the starts of a node, and for each of their words the number of runs before it.
///
/// # Safety
///
/// `node` is an unpublished node.
pub(super) unsafe fn write_starts(node: *mut u8, starts: &[u64; 4]) {
    let counts = starts.map(|word| word.count_ones() as u8);
    let two = counts[0] + counts[1];
    // The counts of three words are at most 192.
    let before = [0, counts[0], two, two + counts[2]];
    // SAFETY: A node begins with these words and counts.
    unsafe {
        node.cast::<[u64; 4]>().write(*starts);
        node.add(32).cast::<[u8; 4]>().write(before);
    }
}

/// Returns the address bits that lead to an IPv6 node, as two words.
///
/// # Safety
///
/// `node` is a live node with a key; `tags` are those of its link.
#[inline(always)]
pub(super) unsafe fn key(node: *mut u8, tags: usize) -> [u64; 2] {
    // SAFETY: The caller guarantees a key.
    unsafe {
        let (at, runs) = lengths(node, tags);
        let key = node.add(key_at(at, runs)).cast::<u64>();
        [*key, *key.add(1)]
    }
}

/// Returns the place of the mark.
///
/// # Safety
///
/// `node` is a live node during `'a`; `tags` are those of its link.
pub(super) unsafe fn mark<'a>(node: *mut u8, tags: usize) -> &'a AtomicU8 {
    // SAFETY: The caller guarantees a node; the mark follows the lengths.
    unsafe {
        let (at, runs) = lengths(node, tags);
        &*node.add(at + runs).cast::<AtomicU8>()
    }
}

/// A page or node that a reader or the updater inspects.
///
/// # Invariants
///
/// `link` leads to a live page (`is_page`) or node during `'a`.
#[derive(Clone, Copy)]
pub(in super::super) struct NodeRef<'a> {
    pub(super) link: *mut u8,
    pub(super) is_page: bool,
    pub(super) _live: PhantomData<&'a Slots>,
}

impl<'a> NodeRef<'a> {
    pub(super) fn slots(self) -> &'a Slots {
        let (page, _) = split(self.link);
        // SAFETY: By the type invariant a page is live; callers have checked `is_page`.
        unsafe { &*page.cast::<Slots>() }
    }

    fn mark_of_node(self) -> &'a AtomicU8 {
        let (node, tags) = split(self.link);
        // SAFETY: By the type invariant the node is live.
        unsafe { mark(node, tags) }
    }

    /// Returns whether the node is marked as reclaimed.
    pub(in super::super) fn is_poisoned(self) -> bool {
        if self.is_page {
            return self.slots().0[0].mark.load(Ordering::Relaxed) == u32::from(POISONED);
        }
        self.mark_of_node().load(Ordering::Relaxed) & POISONED != 0
    }

    /// Marks the node as reclaimed. Returns whether it was marked already.
    pub(in super::super) fn poison(self) -> bool {
        if self.is_page {
            let mark = &self.slots().0[0].mark;
            return mark.swap(POISONED.into(), Ordering::Relaxed) == u32::from(POISONED);
        }
        self.mark_of_node().fetch_or(POISONED, Ordering::Relaxed) & POISONED != 0
    }

    /// Returns whether this is one of the statics that stand for nothing.
    pub(in super::super) fn is_nothing(self) -> bool {
        let (node, _) = split(self.link);
        node.cast_const() == (&raw const NO_NODE).cast()
            || node.cast_const() == (&raw const NO_PAGE).cast()
    }
}

const _: () = assert!(VALUES == 1 << super::STRIDE);
const _: () = assert!(size_of::<Best>() == 4);
