// SPDX-License-Identifier: GPL-2.0

//! Links: pointers to nodes, with tag bits that describe the node.

use super::{Exclusive, NewNode, Node, NodeRef};
use crate::rcu::Guard;
use core::{
    mem::align_of,
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

/// A pointer to a node that readers follow, or null.
///
/// # Invariants
///
/// Null, or the [`Target`] of a [`Node`] that is not freed before a grace period has ended since it
/// was last stored here. In a trie, one link points to each node.
#[repr(transparent)]
pub(in super::super) struct Link(AtomicPtr<Node>);

/// The pointer in a link that is not null: a node's address, with tags in the bits that are 0 in
/// it.
///
/// # Invariants
///
/// The pointer minus its tags is the address of a node. The pointer has provenance for the node's
/// whole object.
#[derive(Clone, Copy)]
pub(super) struct Target(*mut Node);

/// The node is flat.
const FLAT: usize = 1 << 0;
/// The node has children.
const CHILDREN: usize = 1 << 1;
/// The trie leaves out nodes between the node and its parent.
const SKIPS: usize = 1 << 2;
const TAGS: usize = FLAT | CHILDREN | SKIPS;
const _: () = assert!(align_of::<Node>() > TAGS);

impl Target {
    /// Adds the tags to a node's address. `due` is the depth of a node in this place if the trie
    /// leaves out none above it.
    fn new(node: NodeRef<'_>, due: u8) -> Self {
        let tags = [
            (node.head().is_flat(), FLAT),
            (node.children() > 0, CHILDREN),
            (node.depth() != due, SKIPS),
        ];
        let tags = tags.into_iter().filter(|(is, _)| *is).map(|(_, tag)| tag);
        // INVARIANT: By the node's alignment, the tag bits are 0 in its address.
        Self(node.node.as_ptr().wrapping_byte_add(tags.sum()))
    }

    #[inline(always)]
    fn from_raw(raw: *mut Node) -> Option<Self> {
        // INVARIANT: A link that is not null holds a target.
        (!raw.is_null()).then_some(Self(raw))
    }

    #[inline(always)]
    fn tags(self) -> usize {
        self.0 as usize & TAGS
    }

    /// Returns the address of the node.
    #[inline(always)]
    pub(super) fn node(self) -> *mut Node {
        self.0.wrapping_byte_sub(self.tags())
    }

    /// Returns whether the node is flat.
    #[inline(always)]
    pub(super) fn is_flat(self) -> bool {
        self.tags() & FLAT != 0
    }

    /// Returns whether the node has children.
    #[inline(always)]
    pub(super) fn has_children(self) -> bool {
        self.tags() & CHILDREN != 0
    }

    /// Returns whether the trie leaves out nodes above the node.
    #[inline(always)]
    pub(super) fn skips(self) -> bool {
        self.tags() & SKIPS != 0
    }
}

impl Link {
    /// Creates a link without a node.
    pub(in super::super) const fn null() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// Creates a link to an unpublished node, for an unpublished parent.
    pub(super) fn to_new(new: NewNode) -> Self {
        let target = Target::new(new.node(), new.node().depth());
        let _ = new.into_raw();
        Self(AtomicPtr::new(target.0))
    }

    /// Creates a link to the node of `other`, for a parent of the same depth.
    pub(super) fn copy_of(other: &Link) -> Self {
        // ORDERING: The release that publishes the copy publishes the node's contents with it.
        Self(AtomicPtr::new(other.0.load(Ordering::Relaxed)))
    }

    /// Creates a link to the node of `other`, for a parent of depth `above`.
    pub(super) fn below(above: u8, other: &Link, exclusive: &Exclusive) -> Self {
        let raw = match other.peek(exclusive) {
            Some(node) => Target::new(node, above + 1).0,
            None => ptr::null_mut(),
        };
        Self(AtomicPtr::new(raw))
    }

    /// Returns the node that readers see, and the tags of the link.
    #[inline(always)]
    pub(super) fn follow<'g>(&'g self, _guard: &'g Guard) -> Option<(Target, NodeRef<'g>)> {
        // ORDERING: Acquire pairs with the release in `put()`: the node's contents are visible.
        let target = Target::from_raw(self.0.load(Ordering::Acquire))?;
        Some((target, NodeRef::from_raw(target.node())?))
    }

    /// Returns the node that readers see.
    #[inline(always)]
    pub(in super::super) fn get<'g>(&'g self, guard: &'g Guard) -> Option<NodeRef<'g>> {
        Some(self.follow(guard)?.1)
    }

    /// Returns the node, for the updater.
    pub(in super::super) fn peek<'w>(&self, _exclusive: &'w Exclusive) -> Option<NodeRef<'w>> {
        // ORDERING: The thread that stored it held the right to change the trie before this thread.
        NodeRef::from_raw(Target::from_raw(self.0.load(Ordering::Relaxed))?.node())
    }

    /// Returns whether there is no node.
    pub(super) fn is_null(&self) -> bool {
        // ORDERING: Nothing of the node is read.
        self.0.load(Ordering::Relaxed).is_null()
    }

    /// Publishes a new node in place of the current one. `due` is as for [`Target::new`].
    pub(in super::super) fn put(&self, new: NewNode, due: u8, _exclusive: &Exclusive) {
        let target = Target::new(new.node(), due);
        let _ = new.into_raw();
        // ORDERING: Release publishes the node's contents, as `rcu_assign_pointer()` does.
        self.0.store(target.0, Ordering::Release);
    }

    /// Publishes a node here that another link publishes too. The caller unlinks the node that has
    /// the other link.
    pub(in super::super) fn put_again(&self, node: NodeRef<'_>, due: u8, _exclusive: &Exclusive) {
        // ORDERING: Release as in `put()`: a reader of this link may not have read the other link.
        self.0.store(Target::new(node, due).0, Ordering::Release);
    }

    /// Unpublishes the node.
    pub(in super::super) fn cut(&self, _exclusive: &Exclusive) {
        // ORDERING: Null has no contents.
        self.0.store(ptr::null_mut(), Ordering::Relaxed);
    }
}
