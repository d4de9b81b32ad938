// SPDX-License-Identifier: GPL-2.0

// A section belongs to its task.

fn share() {
    rcu::read(|section| needs_sync(section));            // VIOLATION: E0277
    rcu::read(|section| needs_sync(&1));                 // TWIN
}
