// SPDX-License-Identifier: GPL-2.0

// A retired object that is published again would change under old readers, and its head could be in
// two lists.

fn republish(current: &Rcu<Config>, old: Retired<Config>) {
    drop(current.replace(Some(old)));                    // VIOLATION: E0308
    drop(current.replace(Some(old.synchronize())));      // TWIN
}
