// SPDX-License-Identifier: GPL-2.0

// The updater's borrow of a value ends before the next change, also before a resize.

fn limit(
    mut table: UpdateSide<'_, ResizableTable<Config, State>>,
    new: NewBuckets<Config>,
) -> u32 {
    let config = table.get(&7);
    drop(table.resize(new));                             // VIOLATION: E0502
    config.map_or(0, |config| config.limit)
}

use rcu::{NewBuckets, ResizableTable};
