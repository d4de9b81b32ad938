// SPDX-License-Identifier: GPL-2.0

//! The interface of red-black trees, over the standard library's B-tree.

use crate::{
    alloc::{Flags, KBox},
    error::Result,
};
use std::collections::BTreeMap;

/// A sorted map.
///
/// As in the kernel, each element is an allocation that can fail. The standard library's inner
/// nodes cannot fail, and [`alloc::live`](crate::alloc::live) does not count them.
pub struct RBTree<K, V> {
    elements: BTreeMap<K, RBTreeNode<K, V>>,
}

/// An element outside a tree.
///
/// The key is in the tree. The allocation has room for it, so that its size is the kernel's.
pub struct RBTreeNode<K, V>(KBox<(V, core::mem::MaybeUninit<K>)>);

impl<K, V> RBTree<K, V> {
    /// Creates an empty tree.
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
    /// Allocates an element and inserts it. Returns the replaced element with the same key.
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

    /// Returns the value under a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.elements.get(key).map(|node| &node.0 .0)
    }

    /// Returns the mutable value under a key.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.elements.get_mut(key).map(|node| &mut node.0 .0)
    }

    /// Removes and frees an element. Returns its value.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let node = self.elements.remove(key)?;
        Some(KBox::into_inner(node.0).0)
    }
}
