// SPDX-License-Identifier: GPL-2.0

// One copy of a cursor would remove the entry that another copy stands on.

impl<T: Reclaim, S, D: rcu::Domain> Clone for rcu::CursorMut<'_, T, S, D> {
    fn clone(&self) -> Self {
        unimplemented!()
    }
}
impl<T: Reclaim, S, D: rcu::Domain> Copy for rcu::CursorMut<'_, T, S, D> {} // VIOLATION: E0204
