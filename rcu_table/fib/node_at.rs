// SPDX-License-Identifier: GPL-2.0

//! Reads of nodes by the updater.

use super::{
    hidden::{entry_of, Entry, WORDS},
    node::{has_children, key, len_of, rank, run, slot, split, Link, Run, Shape},
    Best, Slot, Slots, VALUES,
};
use core::{
    marker::PhantomData,
    ptr::NonNull,
    sync::atomic::{AtomicU64, Ordering},
};

/// A node that the updater reads.
///
/// # Invariants
///
/// The node is live during `'a`, and `tags` are those of its link.
#[derive(Clone, Copy)]
pub(super) struct NodeAt<'a> {
    pub(super) node: *mut u8,
    pub(super) tags: usize,
    _live: PhantomData<&'a Slots>,
}

impl<'a> NodeAt<'a> {
    /// Returns the node of a link.
    ///
    /// # Safety
    ///
    /// `link` leads to a node that is live during `'a`.
    pub(super) unsafe fn new(link: Link) -> Self {
        let (node, tags) = split(link.0.as_ptr());
        // INVARIANT: By this function's requirement.
        Self {
            node,
            tags,
            _live: PhantomData,
        }
    }

    pub(super) fn link(self) -> Link {
        let link = self.node.wrapping_byte_add(self.tags);
        // A node is not at address 0.
        NonNull::new(link).map_or(Link::no_node(), Link)
    }

    /// Returns the address bits that lead to an IPv6 node.
    pub(super) fn key(self) -> u128 {
        // SAFETY: By the type invariant the node is live. Only `Level::below()` calls this, for a
        // link that skips levels. Only IPv6 has such links, so the node has a key.
        let [high, low] = unsafe { key(self.node, self.tags) };
        (u128::from(high) << 64) | u128::from(low)
    }

    pub(super) fn rank(self, value: u8) -> usize {
        // SAFETY: By the type invariant the node is live.
        unsafe { rank(self.node, value) }
    }

    pub(super) fn run(self, rank: usize) -> Run {
        // SAFETY: By the type invariant the node is live. Each caller's rank is that of a value or
        // of a start of the node.
        unsafe { run(self.node, self.tags, rank) }
    }

    /// Returns the slot of a child that a run names.
    pub(super) fn slot(self, child: usize) -> &'a Slot {
        // SAFETY: By the type invariant the node is live. A run of it names the child.
        unsafe { slot(self.node, child) }
    }

    /// Returns the slot of the child of a value.
    pub(super) fn slot_of(self, value: u8) -> Option<&'a Slot> {
        match self.run(self.rank(value)) {
            Run::Child(child) => Some(self.slot(child)),
            Run::Number(_) => None,
        }
    }

    /// Returns the best route of a run.
    pub(super) fn best(self, rank: usize) -> Best {
        match self.run(rank) {
            Run::Number(0) => Best::NONE,
            // SAFETY: By the type invariant the node is live; the caller has a rank of it.
            Run::Number(number) => Best::new(number, unsafe { len_of(self.node, self.tags, rank) }),
            Run::Child(child) => self.slot(child).best(),
        }
    }

    /// Returns the bits of the starts of one group of 64 values.
    pub(super) fn starts(self, group: usize) -> u64 {
        // SAFETY: By the type invariant the node is live; it begins with four words.
        let word = unsafe { &*self.node.cast::<AtomicU64>().add(group) };
        // ORDERING: Relaxed: only the updater publishes nodes, and it calls this itself.
        word.load(Ordering::Relaxed)
    }

    pub(super) fn has_children(self) -> bool {
        // SAFETY: By the type invariant the node is live.
        unsafe { has_children(self.node, self.tags) }
    }

    /// Returns the values at which runs start, beginning with value `from`.
    pub(super) fn each_start(self, from: usize) -> impl Iterator<Item = usize> + 'a {
        (from / 64..VALUES / 64).flat_map(move |group| {
            let mut starts = self.starts(group);
            if group == from / 64 {
                starts &= !0 << (from % 64);
            }
            core::iter::from_fn(move || {
                let bit = (starts != 0).then(|| starts.trailing_zeros() as usize)?;
                starts &= starts - 1;
                Some(64 * group + bit)
            })
        })
    }
}

impl Shape {
    /// Returns the best route of a run, counted from 0.
    pub(super) fn best(&self, node: NodeAt<'_>, run: usize) -> Best {
        match node.run(run + 1) {
            Run::Number(0) => Best::NONE,
            Run::Number(number) => {
                // SAFETY: By the type invariant the node is live; it has a length for each run.
                let len = unsafe { *node.node.add(self.lengths_at + run) };
                Best::new(number, len)
            }
            Run::Child(child) => node.slot(child).best(),
        }
    }

    /// Returns the hidden routes of a node.
    pub(super) fn hidden_entries<'a>(&self, node: NodeAt<'a>) -> impl Iterator<Item = Entry> + 'a {
        let hidden = node.node.wrapping_byte_add(self.hidden_at()).cast::<u16>();
        (0..self.hidden).map(move |index| {
            let mut words = [0; WORDS];
            for (word, to) in words.iter_mut().enumerate() {
                // SAFETY: By the type invariant the node is live; it has that many hidden routes.
                *to = unsafe { hidden.add(WORDS * index + word).read_unaligned() };
            }
            entry_of(words)
        })
    }
}
