// SPDX-License-Identifier: GPL-2.0

//! Red-black trees, as far as the interface goes: a B-tree of the standard library does the work.

use crate::{
    alloc::{Flags, KBox},
    error::Result,
};
use std::collections::BTreeMap;

/// A sorted map.
///
/// Each element is an allocation of its own that may fail, as in the kernel. The standard library's
/// inner nodes are neither counted by [`alloc::live`](crate::alloc::live) nor can they fail.
pub struct RBTree<K, V> {
    elements: BTreeMap<K, RBTreeNode<K, V>>,
}

/// An element outside a tree.
///
/// The key lies in the tree, the allocation has room for both, so that its size is the kernel's.
pub struct RBTreeNode<K, V>(KBox<(V, core::mem::MaybeUninit<K>)>);

impl<K, V> RBTree<K, V> {
    /// An empty tree.
    pub const fn new() -> Self {
        Self {
            elements: BTreeMap::new(),
        }
    }
}

impl<K, V> Default for RBTree<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Ord, V> RBTree<K, V> {
    /// Allocates an element and inserts it; returns the one with an equal key that it replaces.
    ///
    /// Errors: `ENOMEM`. Context: as `flags` say.
    pub fn try_create_and_insert(
        &mut self,
        key: K,
        value: V,
        flags: Flags,
    ) -> Result<Option<RBTreeNode<K, V>>> {
        let node = KBox::new((value, core::mem::MaybeUninit::uninit()), flags)?;
        Ok(self.elements.insert(key, RBTreeNode(node)))
    }

    /// The value under a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.elements.get(key).map(|node| &node.0 .0)
    }

    /// The value under a key, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.elements.get_mut(key).map(|node| &mut node.0 .0)
    }

    /// Removes an element and frees it; returns its value.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let node = self.elements.remove(key)?;
        Some(KBox::into_inner(node.0).0)
    }
}
