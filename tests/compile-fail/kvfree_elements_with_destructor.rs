// SPDX-License-Identifier: GPL-2.0

// kvfree_rcu() would skip the destructors of the elements.
// ERROR NAMES: Flexible<u32, kernel::alloc::Vec<u8
// ERROR SAYS: |         old.kvfree_rcu();

type Buffers = Flexible<u32, KVec<u8>>;                  // VIOLATION
type Buffers = Flexible<u32, [u8; 16]>;                  // TWIN

pub fn reachable(current: &Rcu<Buffers>) {
    if let Some(old) = current.replace(None) {
        old.kvfree_rcu();                                // VIOLATION: E0080
        old.kvfree_rcu();                                // TWIN
    }
}
