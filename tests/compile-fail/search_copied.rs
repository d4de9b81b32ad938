// SPDX-License-Identifier: GPL-2.0

// A copy of the search would outlive its critical section.

impl Clone for rcu::Search<'_> {
    fn clone(&self) -> Self {
        unimplemented!()
    }
}
impl Copy for rcu::Search<'_> {}                         // VIOLATION: E0204
