// SPDX-License-Identifier: GPL-2.0

// A `KBox` is freed at once when it is removed, so readers must not find it without the lock.

fn limit(array: &XArray<KBox<Config>>, shared: &XArray<RcuBox<Config>>) -> u32 {
    let guard = read_lock();
    let config = rcu::xa_load(array, 7, &guard);         // VIOLATION: E0308
    let config = rcu::xa_load(shared, 7, &guard);        // TWIN
    config.map_or(0, |config: &Config| config.limit)
}

use kernel::xarray::XArray;
use rcu::RcuBox;
