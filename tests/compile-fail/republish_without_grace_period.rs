// SPDX-License-Identifier: GPL-2.0

// Old readers would see the object change under them, or its head be in two lists.

fn republish(current: &Rcu<Config>, old: Retired<Config>) {
    drop(current.replace(Some(old)));                    // VIOLATION: E0308
    drop(current.replace(Some(old.synchronize())));      // TWIN
}
