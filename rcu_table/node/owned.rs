// SPDX-License-Identifier: GPL-2.0

//! Who owns nodes before they are published and after they have been unlinked.

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

/// A node that has not been published. Dropped, it is freed, and its children stay where else they are.
pub(in super::super) struct NewNode(pub(super) NonNull<Node>);

impl NewNode {
    /// The node as it is.
    pub(super) fn node(&self) -> NodeRef<'_> {
        // INVARIANT: The node is live and owned.
        NodeRef {
            node: self.0,
            _live: PhantomData,
        }
    }

    /// The memory of the whole object.
    pub(in super::super) fn footprint(&self) -> Footprint {
        self.node().footprint()
    }

    /// A link to it, for a parent that is not published yet either.
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

/// An unpublished chain of nodes with one child each. Dropped, it is freed.
pub(in super::super) struct NewChain(Link);

impl NewChain {
    /// Points to the topmost.
    pub(in super::super) fn link(&self) -> &Link {
        &self.0
    }

    /// The topmost hangs elsewhere now.
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

/// Takes a node back.
///
/// # Safety
///
/// `node` is live, nobody else uses or owns it, and no reader can reach it.
unsafe fn owned(node: NonNull<Node>) -> UniqueRcuBox<Node> {
    // SAFETY: Nodes come from `UniqueRcuBox::with_room()`; the rest is the caller's promise.
    unsafe { UniqueRcuBox::from_raw_value(node) }
}

/// The roots of both families' tries: what a transaction exchanges with one store.
pub(in super::super) struct Roots([Link; 2]);

impl Roots {
    /// Those of empty tries.
    pub(in super::super) fn new() -> Self {
        Self([Link::null(), Link::null()])
    }

    /// The same tries under new roots.
    pub(in super::super) fn copy_of(other: &Roots) -> Self {
        Self([Link::copy_of(&other.0[0]), Link::copy_of(&other.0[1])])
    }

    /// The root of one family.
    #[inline(always)]
    pub(in super::super) fn of(&self, family: Family) -> &Link {
        &self.0[family as usize]
    }

    /// What is published, for the updater.
    pub(in super::super) fn current<'w>(
        roots: &'w Rcu<Self>,
        _exclusive: &'w Exclusive,
    ) -> Option<&'w Self> {
        // SAFETY: Only who has the right to change the table exchanges its roots, by `&mut`.
        unsafe { roots.protected() }
    }

    /// Exchanges what is published.
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

/// A node that no link points to any more. Readers from before may still be there.
///
/// # Invariants
///
/// The node is live and owned.
#[must_use = "say what becomes of the node"]
pub(in super::super) struct Unlinked(NonNull<Node>);

impl Unlinked {
    /// The node as it is.
    pub(in super::super) fn node(&self) -> NodeRef<'_> {
        // INVARIANT: By the type invariant the node is live.
        NodeRef {
            node: self.0,
            _live: PhantomData,
        }
    }

    /// For RCU to reclaim after a grace period.
    pub(in super::super) fn retire(self) -> Retired<Node> {
        // SAFETY: By the type invariant the node is owned and unlinked.
        unsafe { Retired::from_raw_value(self.0) }
    }

    /// The same, with a detour: see [`Quarantined`].
    pub(in super::super) fn quarantine(self) -> Retired<Quarantined> {
        Quarantined::enter(self.node().footprint());
        // SAFETY: By the type invariant the node is owned and unlinked; it is the only field of its new type.
        unsafe { Retired::from_raw_value(self.0.cast()) }
    }

    /// Frees the node at once. It was never published, or a grace period has ended since it was unlinked.
    pub(in super::super) fn free(self) {
        // SAFETY: No reader can reach the node, by the caller's word; it is owned by the type invariant.
        drop(unsafe { owned(self.0) });
    }
}

/// Nodes that others have replaced.
pub(in super::super) trait Replaced {
    /// Calls `visit` with each.
    fn each(&self, visit: impl FnMut(NodeRef<'_>));

    /// Gives each to `end`, which says what becomes of it.
    fn unlink(self, exclusive: &mut Exclusive, end: impl FnMut(Unlinked));

    /// The memory of all.
    fn footprint(&self) -> Footprint {
        let mut sum = Footprint::default();
        self.each(|node| sum.add(node.footprint()));
        sum
    }
}

/// Nodes that no link of the trie points to any more, until it is said what becomes of them.
///
/// # Invariants
///
/// The first `len` are there, owned by this list.
pub(in super::super) struct Doomed {
    nodes: [Option<NonNull<Node>>; Self::MAX],
    len: usize,
}

// SAFETY: The nodes are owned, and `Send`.
unsafe impl Send for Doomed {}

impl Doomed {
    /// The most that one change unlinks: a path.
    const MAX: usize = MAX_DEPTH + 2;

    pub(in super::super) const fn new() -> Self {
        Self {
            nodes: [None; Self::MAX],
            len: 0,
        }
    }

    /// Adds a node that has been unlinked, or will be before the list is settled.
    pub(in super::super) fn add(&mut self, node: NodeRef<'_>) {
        // A change unlinks no more than there is room for.
        if let Some(room) = self.nodes.get_mut(self.len) {
            // INVARIANT: What is unlinked belongs to who unlinked it.
            *room = Some(node.node);
            self.len += 1;
        }
    }

    fn pop(&mut self) -> Option<Unlinked> {
        self.len = self.len.checked_sub(1)?;
        // INVARIANT: The list owned the node.
        self.nodes[self.len].take().map(Unlinked)
    }

    /// Frees the nodes at once. They were never published, or a grace period has ended since.
    pub(in super::super) fn free(&mut self, exclusive: &mut Exclusive) {
        self.unlink(exclusive, Unlinked::free);
    }
}

impl Replaced for &mut Doomed {
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

/// Published nodes that a transaction replaces, until it is committed.
pub(in super::super) struct Condemned(KVVec<NonNull<Node>>);

// SAFETY: Others use the nodes only as readers do.
unsafe impl Send for Condemned {}

impl Condemned {
    pub(in super::super) const fn new() -> Self {
        Self(KVVec::new())
    }

    /// Makes room for as many nodes as one change can add.
    ///
    /// Errors: `ENOMEM`.
    pub(in super::super) fn reserve(&mut self) -> Result {
        Ok(self.0.reserve(MAX_DEPTH + 1, GFP_KERNEL)?)
    }

    /// Adds a node of which the transaction has made a copy.
    pub(in super::super) fn add(&mut self, node: NodeRef<'_>) {
        // Room was made when the change began.
        let _ = self.0.push_within_capacity(node.node);
    }
}

impl Replaced for Condemned {
    fn each(&self, mut visit: impl FnMut(NodeRef<'_>)) {
        for &node in &self.0 {
            // INVARIANT: The nodes are there until the list is done with.
            visit(NodeRef {
                node,
                _live: PhantomData,
            });
        }
    }

    /// The transaction has been committed.
    fn unlink(self, _exclusive: &mut Exclusive, mut end: impl FnMut(Unlinked)) {
        for &node in &self.0 {
            // INVARIANT: Since the commit the node is linked nowhere any more, and the list owned it.
            end(Unlinked(node));
        }
    }
}

/// A whole trie, or what a transaction has of one, that is to be freed.
pub(in super::super) struct Tree(NonNull<Node>);

// SAFETY: The nodes are owned, and `Send`.
unsafe impl Send for Tree {}

impl Tree {
    /// What hangs at a link that is going, or of which the link is cut off.
    pub(in super::super) fn at(link: &Link, exclusive: &Exclusive) -> Option<Self> {
        link.peek(exclusive).map(|root| Self(root.node))
    }

    fn root(&self) -> NodeRef<'_> {
        // INVARIANT: A tree is there until it is dismantled, which takes it by value.
        NodeRef {
            node: self.0,
            _live: PhantomData,
        }
    }

    /// Gives each node to `end`, children first, with a fixed amount of stack.
    pub(in super::super) fn dismantle(self, end: impl FnMut(Unlinked)) {
        self.dismantle_some(|_| true, end);
    }

    /// Frees what an unfinished transaction has made, and leaves alone what it shares.
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

    /// Makes all that a transaction has made ordinary, for it is about to be published.
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
        // INVARIANT: The tree owned the node, whose children have been dealt with.
        self.each(belongs, |node| end(Unlinked(node)));
    }

    /// Calls `visit` with each node that belongs, children first.
    fn each(&self, belongs: impl Fn(NodeRef<'_>) -> bool, mut visit: impl FnMut(NonNull<Node>)) {
        let exclusive = Exclusive::new();
        // The nodes on the way down, each with the value to go on with.
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
