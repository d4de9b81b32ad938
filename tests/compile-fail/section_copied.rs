// SPDX-License-Identifier: GPL-2.0

// A copy of the section would outlive it. The module is one crate with the library, so the orphan
// rule does not exclude such an implementation.

impl Clone for rcu::Section {
    fn clone(&self) -> Self {
        unimplemented!()
    }
}
impl Copy for rcu::Section {}                            // VIOLATION: E0204
