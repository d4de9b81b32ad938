// SPDX-License-Identifier: GPL-2.0

fn limit(array: Pin<KBox<XArray<RcuBox<Config>>>>) -> u32 {
    let guard = read_lock();
    let config = rcu::xa_load(&array, 7, &guard);
    drop(array);                                         // VIOLATION: E0505
    config.map_or(0, |config| config.limit)
}

use kernel::xarray::XArray;
use rcu::RcuBox;
