// SPDX-License-Identifier: GPL-2.0

//! The route table's links as they ship, and stand-ins for the nodes that they point to.

pub use node::{TableLink, Unlinked};

/// Stands in for `rcu_table/node.rs`.
mod node {
    use crate::{object::Object, rcu::Guard};
    use core::{marker::PhantomData, ptr::NonNull};
    use link::Link;

    /// The right to change links. Here a test excludes its updaters.
    struct Exclusive(());

    impl Exclusive {
        fn new() -> Self {
            Self(())
        }
    }

    /// A node with an object in place of routes and children.
    #[repr(align(16))]
    struct Node {
        pub(super) object: Object,
    }

    /// A node that no reader can reach.
    struct NewNode(Box<Node>);

    impl NewNode {
        #[track_caller]
        fn new(number: usize) -> Self {
            Self(Box::new(Node {
                object: Object::new(number),
            }))
        }

        pub(super) fn node(&self) -> NodeRef<'_> {
            NodeRef {
                node: NonNull::from(&*self.0),
                _live: PhantomData,
            }
        }

        pub(super) fn into_raw(self) -> NonNull<Node> {
            NonNull::from(Box::leak(self.0))
        }
    }

    /// A node by its address.
    struct NodeRef<'a> {
        pub(super) node: NonNull<Node>,
        _live: PhantomData<&'a Node>,
    }

    /// The first bytes of a node.
    struct NodeHead;

    impl NodeHead {
        pub(super) fn is_flat(&self) -> bool {
            true
        }
    }

    impl NodeRef<'_> {
        pub(super) fn from_raw(node: *mut Node) -> Option<Self> {
            NonNull::new(node).map(|node| Self {
                node,
                _live: PhantomData,
            })
        }

        pub(super) fn head(&self) -> NodeHead {
            NodeHead
        }

        pub(super) fn children(&self) -> usize {
            0
        }

        pub(super) fn depth(&self) -> u8 {
            0
        }
    }

    #[allow(
        dead_code,
        unused_imports,
        reason = "the module's own build has the lints"
    )]
    mod link {
        include!(concat!(env!("OUT_DIR"), "/link.rs"));
    }

    /// A link to a node, for the tests.
    pub struct TableLink(Link);

    /// A node to which no link points any more.
    pub struct Unlinked(Box<Node>);

    impl Unlinked {
        /// Writes to the node.
        #[track_caller]
        pub fn write(&mut self, number: usize) {
            self.0.object.write(number);
        }
    }

    impl TableLink {
        /// Returns a link to a new node.
        #[track_caller]
        pub fn new(number: usize) -> Self {
            let link = Link::null();
            assert!(link.is_null());
            link.put(NewNode::new(number), 0, &Exclusive::new());
            Self(link)
        }

        /// Returns a second link to the node, as a transaction's draft has.
        pub fn copied(&self) -> Self {
            Self(Link::copy_of(&self.0))
        }

        /// Reads the node's number inside a read-side critical section.
        #[track_caller]
        pub fn read(&self, guard: &Guard) -> Option<usize> {
            let found = self.0.get(guard)?;
            // SAFETY: A node that a reader finds is freed after a grace period.
            Some(unsafe { found.node.as_ref() }.object.read())
        }

        /// Publishes a new node and returns the old one.
        #[track_caller]
        pub fn replace(&self, number: usize) -> Option<Unlinked> {
            let old = self.node();
            self.0.put(NewNode::new(number), 0, &Exclusive::new());
            old
        }

        /// Publishes the node of another link here, and returns the old one.
        pub fn replace_by(&self, other: &TableLink) -> Option<Unlinked> {
            let (old, exclusive) = (self.node(), Exclusive::new());
            self.0.put_again(other.0.peek(&exclusive)?, 0, &exclusive);
            old
        }

        /// Removes the node.
        pub fn cut(&self) -> Option<Unlinked> {
            let old = self.node();
            self.0.cut(&Exclusive::new());
            old
        }

        fn node(&self) -> Option<Unlinked> {
            let node = self.0.peek(&Exclusive::new())?.node;
            // SAFETY: Each node came from a box. The callers replace the only link to it.
            Some(Unlinked(unsafe { Box::from_raw(node.as_ptr()) }))
        }
    }
}
