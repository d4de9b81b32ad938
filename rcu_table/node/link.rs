// SPDX-License-Identifier: GPL-2.0

//! Pointers to nodes, which say what a reader wants to know before it has read anything of the node.

use super::{Exclusive, NewNode, Node, NodeRef};
use crate::rcu::Guard;
use core::{
    mem::align_of,
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

/// A pointer to a node that readers follow, or to nothing.
///
/// # Invariants
///
/// Null, or the [`Target`] of a [`Node`] that is not freed before a grace period has ended since it was
/// last stored here. Among the nodes of a trie, each is pointed to by one link.
#[repr(transparent)]
pub(in super::super) struct Link(AtomicPtr<Node>);

/// What a link holds if it is not null: a pointer to a node, with marks in the bits that are 0 in its address.
///
/// # Invariants
///
/// The node is so many bytes before the pointer as the low bits say, which has provenance for its whole object.
#[derive(Clone, Copy)]
pub(super) struct Target(*mut Node);

/// The node is flat.
const FLAT: usize = 1 << 0;
/// It has children.
const CHILDREN: usize = 1 << 1;
/// Nodes are left out above it.
const SKIPS: usize = 1 << 2;
const MARKS: usize = FLAT | CHILDREN | SKIPS;
const _: () = assert!(align_of::<Node>() > MARKS);

impl Target {
    /// A node that hangs where one of depth `due` leaves none out.
    fn new(node: NodeRef<'_>, due: u8) -> Self {
        let marks = [
            (node.head().is_flat(), FLAT),
            (node.children() > 0, CHILDREN),
            (node.depth() != due, SKIPS),
        ];
        let marks = marks
            .into_iter()
            .filter(|(is, _)| *is)
            .map(|(_, mark)| mark);
        // INVARIANT: The bits are 0 in the node's address.
        Self(node.node.as_ptr().wrapping_byte_add(marks.sum()))
    }

    #[inline(always)]
    fn from_raw(raw: *mut Node) -> Option<Self> {
        // INVARIANT: A link that is not null holds one.
        (!raw.is_null()).then_some(Self(raw))
    }

    #[inline(always)]
    fn marks(self) -> usize {
        self.0 as usize & MARKS
    }

    /// Where the node is.
    #[inline(always)]
    pub(super) fn node(self) -> *mut Node {
        self.0.wrapping_byte_sub(self.marks())
    }

    /// Whether the node is flat.
    #[inline(always)]
    pub(super) fn is_flat(self) -> bool {
        self.marks() & FLAT != 0
    }

    /// Whether the node has children.
    #[inline(always)]
    pub(super) fn has_children(self) -> bool {
        self.marks() & CHILDREN != 0
    }

    /// Whether nodes are left out above it.
    #[inline(always)]
    pub(super) fn skips(self) -> bool {
        self.marks() & SKIPS != 0
    }
}

impl Link {
    /// To nothing.
    pub(in super::super) const fn null() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// To a node that is not published yet, for a parent that is not either.
    pub(super) fn to_new(new: NewNode) -> Self {
        let target = Target::new(new.node(), new.node().depth());
        let _ = new.into_raw();
        Self(AtomicPtr::new(target.0))
    }

    /// To the same node as `other`, in a node of the same depth.
    pub(super) fn copy_of(other: &Link) -> Self {
        // ORDERING: Whoever publishes the copy publishes the node with it.
        Self(AtomicPtr::new(other.0.load(Ordering::Relaxed)))
    }

    /// To the same node as `other`, in a node of depth `above`.
    pub(super) fn below(above: u8, other: &Link, exclusive: &Exclusive) -> Self {
        let raw = match other.peek(exclusive) {
            Some(node) => Target::new(node, above + 1).0,
            None => ptr::null_mut(),
        };
        Self(AtomicPtr::new(raw))
    }

    /// What readers see.
    #[inline(always)]
    pub(super) fn follow<'g>(&'g self, _guard: &'g Guard) -> Option<(Target, NodeRef<'g>)> {
        // ORDERING: Pairs with the release in `put()`: the node's contents are seen.
        let target = Target::from_raw(self.0.load(Ordering::Acquire))?;
        Some((target, NodeRef::from_raw(target.node())?))
    }

    /// The node that readers see.
    #[inline(always)]
    pub(in super::super) fn get<'g>(&'g self, guard: &'g Guard) -> Option<NodeRef<'g>> {
        Some(self.follow(guard)?.1)
    }

    /// What the updater sees.
    pub(in super::super) fn peek<'w>(&self, _exclusive: &'w Exclusive) -> Option<NodeRef<'w>> {
        // ORDERING: Whoever stored it had the right that this thread has now.
        NodeRef::from_raw(Target::from_raw(self.0.load(Ordering::Relaxed))?.node())
    }

    /// Whether there is a node.
    pub(super) fn is_null(&self) -> bool {
        // ORDERING: Nothing of the node is read.
        self.0.load(Ordering::Relaxed).is_null()
    }

    /// Publishes a new node in the place of what is there. `due` is the depth of a node there that leaves none
    /// out.
    pub(in super::super) fn put(&self, new: NewNode, due: u8, _exclusive: &Exclusive) {
        let target = Target::new(new.node(), due);
        let _ = new.into_raw();
        // ORDERING: Release publishes the node's contents: `rcu_assign_pointer()`.
        self.0.store(target.0, Ordering::Release);
    }

    /// Publishes a node that hangs elsewhere, for that place to go.
    pub(in super::super) fn put_again(&self, node: NodeRef<'_>, due: u8, _exclusive: &Exclusive) {
        // ORDERING: As in `put()`; readers may come here who have not seen the node published.
        self.0.store(Target::new(node, due).0, Ordering::Release);
    }

    /// Unpublishes what is there.
    pub(in super::super) fn cut(&self, _exclusive: &Exclusive) {
        // ORDERING: Null has no contents.
        self.0.store(ptr::null_mut(), Ordering::Relaxed);
    }
}
