// SPDX-License-Identifier: GPL-2.0

//! The owners of nodes before they are published and after they are unlinked.

use super::{Exclusive, Link, Node, NodeRef, Quarantined, FRESH, MAX_DEPTH};
use crate::{
    rcu::{Rcu, Reclaim, Retired, Softirq, UniqueRcuBox},
    rcu_table::{stats::Footprint, Family},
};
use core::{
    marker::PhantomData,
    mem::{self, ManuallyDrop},
    ptr::NonNull,
};
use kernel::prelude::*;

/// A node that has not been published. Its drop frees the node, but not its children, which belong
/// to other owners.
pub(in super::super) struct NewNode(pub(super) NonNull<Node>);

impl NewNode {
    /// Returns the node.
    pub(super) fn node(&self) -> NodeRef<'_> {
        // INVARIANT: The node is live and owned.
        NodeRef {
            node: self.0,
            _live: PhantomData,
        }
    }

    /// Returns the memory of the whole object.
    pub(in super::super) fn footprint(&self) -> Footprint {
        self.node().footprint()
    }

    /// Returns a link to the node, for an unpublished parent.
    pub(in super::super) fn into_chain(self) -> NewChain {
        NewChain(Link::to_new(self))
    }

    pub(super) fn into_raw(self) -> NonNull<Node> {
        ManuallyDrop::new(self).0
    }
}

impl Drop for NewNode {
    fn drop(&mut self) {
        // SAFETY: The node was never published and is not used again.
        drop(unsafe { owned(self.0) });
    }
}

/// An unpublished chain of nodes with one child each. Its drop frees them.
pub(in super::super) struct NewChain(Link);

impl NewChain {
    /// Returns the link to the topmost node.
    pub(in super::super) fn link(&self) -> &Link {
        &self.0
    }

    /// Releases ownership: a parent owns the topmost node now.
    pub(in super::super) fn keep(self) {
        mem::forget(self);
    }
}

impl Drop for NewChain {
    fn drop(&mut self) {
        let exclusive = Exclusive::new();
        let mut next = self.0.peek(&exclusive);
        while let Some(node) = next {
            next = node
                .child_from(0)
                .and_then(|(_, child)| child.peek(&exclusive));
            // SAFETY: The node was never published, and is not used again.
            drop(unsafe { owned(node.node) });
        }
    }
}

/// Regains ownership of a node.
///
/// # Safety
///
/// `node` is live, nobody else uses or owns it, and no reader can reach it.
unsafe fn owned(node: NonNull<Node>) -> UniqueRcuBox<Node> {
    // SAFETY: Nodes come from `UniqueRcuBox::with_room()`. The caller guarantees that this one has no
    // other owner and no reader.
    unsafe { UniqueRcuBox::from_raw_value(node) }
}

/// The roots of both families' tries. A transaction replaces them by one store.
pub(in super::super) struct Roots([Link; 2]);

impl Roots {
    /// Creates the roots of empty tries.
    pub(in super::super) fn new() -> Self {
        Self([Link::null(), Link::null()])
    }

    /// Creates new roots of the same tries.
    pub(in super::super) fn copy_of(other: &Roots) -> Self {
        Self([Link::copy_of(&other.0[0]), Link::copy_of(&other.0[1])])
    }

    /// Returns the root of one family.
    #[inline(always)]
    pub(in super::super) fn of(&self, family: Family) -> &Link {
        &self.0[family as usize]
    }

    /// Returns the published roots, for the updater.
    pub(in super::super) fn current<'w>(
        roots: &'w Rcu<Self>,
        _exclusive: &'w Exclusive,
    ) -> Option<&'w Self> {
        // SAFETY: Only `publish()` replaces the roots. It takes `&mut Exclusive`, of which the
        // caller holds a shared borrow for `'w`.
        unsafe { roots.protected() }
    }

    /// Publishes new roots and returns the old ones.
    pub(in super::super) fn publish(
        roots: &Rcu<Self>,
        new: UniqueRcuBox<Self>,
        _exclusive: &mut Exclusive,
    ) -> Option<Retired<Self>> {
        roots.replace(Some(new))
    }
}

impl Reclaim for Roots {
    type Context = Softirq;
}

/// A node that is reclaimed without being counted, by `kvfree_rcu()`.
#[repr(transparent)]
pub(in super::super) struct Uncounted(#[allow(dead_code, reason = "only its layout matters")] Node);

impl Reclaim for Uncounted {
    type Context = Softirq;
}

/// A node that no link points to any more. Older readers may still use it.
///
/// # Invariants
///
/// The node is live and owned.
#[must_use = "the node must be retired or freed"]
pub(in super::super) struct Unlinked(NonNull<Node>);

impl Unlinked {
    /// Returns the node.
    pub(in super::super) fn node(&self) -> NodeRef<'_> {
        // INVARIANT: By the type invariant the node is live.
        NodeRef {
            node: self.0,
            _live: PhantomData,
        }
    }

    /// Retires the node. RCU reclaims it after a grace period.
    pub(in super::super) fn retire(self) -> Retired<Node> {
        // SAFETY: By the type invariant the node is owned and unlinked.
        unsafe { Retired::from_raw_value(self.0) }
    }

    /// Retires the node's memory alone. The caller counts the node as reclaimed.
    pub(in super::super) fn retire_uncounted(self) -> Retired<Uncounted> {
        // SAFETY: By the type invariant the node is owned and unlinked. `Uncounted` is transparent,
        // so the object has the same layout.
        unsafe { Retired::from_raw_value(self.0.cast()) }
    }

    /// Retires the node into quarantine; see [`Quarantined`].
    pub(in super::super) fn quarantine(self) -> Retired<Quarantined> {
        Quarantined::enter(self.node().footprint());
        // SAFETY: By the type invariant the node is owned and unlinked. `Quarantined` is a
        // transparent wrapper of it.
        unsafe { Retired::from_raw_value(self.0.cast()) }
    }

    /// Frees the node at once. The caller guarantees that it was never published, or that a grace
    /// period has ended since it was unlinked.
    pub(in super::super) fn free(self) {
        // SAFETY: By the type invariant the node is owned. The caller guarantees that no reader can
        // reach it.
        drop(unsafe { owned(self.0) });
    }
}

/// Nodes that a change has replaced.
pub(in super::super) trait Replaced {
    /// Calls `visit` with each node.
    fn each(&self, visit: impl FnMut(NodeRef<'_>));

    /// Passes each node to `end`, which retires or frees it.
    fn unlink(self, exclusive: &mut Exclusive, end: impl FnMut(Unlinked));

    /// Returns the memory of all nodes.
    fn footprint(&self) -> Footprint {
        let mut sum = Footprint::default();
        self.each(|node| sum.add(node.footprint()));
        sum
    }
}

/// The nodes that one change has unlinked, until they are retired or freed.
///
/// # Invariants
///
/// The first `len` entries are nodes that this list owns.
pub(in super::super) struct UnlinkedNodes {
    nodes: [Option<NonNull<Node>>; Self::MAX],
    len: usize,
}

// SAFETY: The list owns the nodes, which are `Send`.
unsafe impl Send for UnlinkedNodes {}

impl UnlinkedNodes {
    /// The maximum number of nodes that one change unlinks: those of a path.
    const MAX: usize = MAX_DEPTH + 2;

    pub(in super::super) const fn new() -> Self {
        Self {
            nodes: [None; Self::MAX],
            len: 0,
        }
    }

    /// Adds a node that has been unlinked, or will be before the list is emptied.
    pub(in super::super) fn add(&mut self, node: NodeRef<'_>) {
        // There is room for all nodes that a change can unlink.
        if let Some(room) = self.nodes.get_mut(self.len) {
            // INVARIANT: The updater that unlinks a node owns it.
            *room = Some(node.node);
            self.len += 1;
        }
    }

    fn pop(&mut self) -> Option<Unlinked> {
        self.len = self.len.checked_sub(1)?;
        // INVARIANT: The list owned the node.
        self.nodes[self.len].take().map(Unlinked)
    }

    /// Frees the nodes at once. The caller guarantees that they were never published, or that a
    /// grace period has ended since they were unlinked.
    pub(in super::super) fn free(&mut self, exclusive: &mut Exclusive) {
        self.unlink(exclusive, Unlinked::free);
    }
}

impl Replaced for &mut UnlinkedNodes {
    fn each(&self, mut visit: impl FnMut(NodeRef<'_>)) {
        for &node in self.nodes[..self.len].iter().flatten() {
            // INVARIANT: The list owns the node.
            visit(NodeRef {
                node,
                _live: PhantomData,
            });
        }
    }

    fn unlink(self, _exclusive: &mut Exclusive, mut end: impl FnMut(Unlinked)) {
        while let Some(node) = self.pop() {
            end(node);
        }
    }
}

/// The published nodes that a transaction replaces, until it is committed.
pub(in super::super) struct CopiedNodes(KVVec<NonNull<Node>>);

// SAFETY: Until the commit, other threads use the nodes only as readers do.
unsafe impl Send for CopiedNodes {}

impl CopiedNodes {
    pub(in super::super) const fn new() -> Self {
        Self(KVVec::new())
    }

    /// Reserves room for the nodes that one change can add.
    ///
    /// Errors: `ENOMEM`.
    pub(in super::super) fn reserve(&mut self) -> Result {
        Ok(self.0.reserve(MAX_DEPTH + 1, GFP_KERNEL)?)
    }

    /// Adds a node that the transaction has copied.
    pub(in super::super) fn add(&mut self, node: NodeRef<'_>) {
        // The room was reserved when the change began.
        let _ = self.0.push_within_capacity(node.node);
    }
}

impl Replaced for CopiedNodes {
    fn each(&self, mut visit: impl FnMut(NodeRef<'_>)) {
        for &node in &self.0 {
            // INVARIANT: The nodes stay live until `unlink()` consumes the list.
            visit(NodeRef {
                node,
                _live: PhantomData,
            });
        }
    }

    /// The caller has committed the transaction.
    fn unlink(self, _exclusive: &mut Exclusive, mut end: impl FnMut(Unlinked)) {
        for &node in &self.0 {
            // INVARIANT: Since the commit no link points to the node, and the list owned it.
            end(Unlinked(node));
        }
    }
}

/// A whole trie, or a transaction's part of one, that will be freed.
pub(in super::super) struct Tree(NonNull<Node>);

// SAFETY: The tree owns the nodes, which are `Send`.
unsafe impl Send for Tree {}

impl Tree {
    /// Returns the tree at a link. The caller cuts the link or frees it.
    pub(in super::super) fn at(link: &Link, exclusive: &Exclusive) -> Option<Self> {
        link.peek(exclusive).map(|root| Self(root.node))
    }

    fn root(&self) -> NodeRef<'_> {
        // INVARIANT: The tree's nodes are live until it is dismantled, which consumes it.
        NodeRef {
            node: self.0,
            _live: PhantomData,
        }
    }

    /// Passes each node to `end`, children first, with bounded stack.
    pub(in super::super) fn dismantle(self, end: impl FnMut(Unlinked)) {
        self.dismantle_some(|_| true, end);
    }

    /// Frees the nodes that an unfinished transaction has built, and no published node.
    pub(in super::super) fn dismantle_fresh(self) {
        if self.root().is_fresh() {
            self.dismantle_some(|node| node.is_fresh(), Unlinked::free);
        }
    }

    /// Calls `visit` with each node, children first.
    pub(in super::super) fn visit(&self, mut visit: impl FnMut(NodeRef<'_>)) {
        self.each(
            |_| true,
            |node| {
                // INVARIANT: The tree's nodes are live until it is dismantled.
                visit(NodeRef {
                    node,
                    _live: PhantomData,
                });
            },
        );
    }

    /// Clears [`FRESH`] in all nodes of a transaction, which is about to be published.
    pub(in super::super) fn settle(link: &Link, exclusive: &mut Exclusive) {
        let Some(tree) = Self::at(link, exclusive) else {
            return;
        };
        if !tree.root().is_fresh() {
            return;
        }
        tree.each(
            |node| node.is_fresh(),
            |node| {
                // SAFETY: No reader can reach a fresh node, and no reference to it is in use.
                unsafe { (*node.as_ptr()).shape &= !FRESH };
            },
        );
    }

    fn dismantle_some(self, belongs: impl Fn(NodeRef<'_>) -> bool, mut end: impl FnMut(Unlinked)) {
        // INVARIANT: The tree owned the node, and `end` has taken over its children.
        self.each(belongs, |node| end(Unlinked(node)));
    }

    /// Calls `visit` with the root and each node below it that `belongs` accepts, children first.
    /// Skips the nodes below one that it rejects.
    fn each(&self, belongs: impl Fn(NodeRef<'_>) -> bool, mut visit: impl FnMut(NonNull<Node>)) {
        let exclusive = Exclusive::new();
        // The nodes from the root to the current one, each with the value of its next child.
        let mut path = [(self.0, Some(0_u8)); MAX_DEPTH + 1];
        let mut depth = 0;
        loop {
            let (at, from) = path[depth];
            // INVARIANT: Nodes on the path have not been visited yet, so they are live.
            let node = NodeRef {
                node: at,
                _live: PhantomData,
            };
            match from.and_then(|from| node.child_from(from)) {
                Some((value, child)) => {
                    path[depth].1 = value.checked_add(1);
                    if let Some(child) = child.peek(&exclusive).filter(|child| belongs(*child)) {
                        depth += 1;
                        path[depth] = (child.node, Some(0));
                    }
                }
                None => {
                    visit(at);
                    let Some(above) = depth.checked_sub(1) else {
                        return;
                    };
                    depth = above;
                }
            }
        }
    }
}
