// SPDX-License-Identifier: GPL-2.0

// The updater chooses how an object is reclaimed. Without the lint, the drop chooses.
// ERROR SAYS: unused `Retired` that must be used

#[deny(unused_must_use)]
fn retire(old: Retired<Config>) {
    core::convert::identity(old);                        // VIOLATION: must_use
    core::convert::identity(old).call_rcu();             // TWIN
}
