// SPDX-License-Identifier: GPL-2.0

fn limit(table: ResizableTable<Config, State>) -> u32 {
    let guard = read_lock();
    let config = table.get(&7, &guard);
    drop(table);                                         // VIOLATION: E0505
    config.map_or(0, |config| config.limit)
}

use rcu::ResizableTable;
