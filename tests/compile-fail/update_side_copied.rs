// SPDX-License-Identifier: GPL-2.0

// One copy of the right to update would remove an object that another copy borrows.

impl<P, D: rcu::Domain> Clone for UpdateSide<'_, P, D> {
    fn clone(&self) -> Self {
        unimplemented!()
    }
}
impl<P, D: rcu::Domain> Copy for UpdateSide<'_, P, D> {} // VIOLATION: E0204
