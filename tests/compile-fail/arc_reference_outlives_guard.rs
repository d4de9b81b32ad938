// SPDX-License-Identifier: GPL-2.0

// Only a clone of a published reference may be kept.

fn find(current: &Rcu<Arc<Config>>) -> u32 {
    let guard = read_lock();
    let config = current.dereference(&guard);
    let config = config.cloned();                        // TWIN
    drop(guard);                                         // VIOLATION: E0505
    drop(guard);                                         // TWIN
    config.map_or(0, |config| config.limit)
}

use kernel::sync::Arc;
