// SPDX-License-Identifier: GPL-2.0

// The lock excludes updaters, not readers, so an updater replaces an entry instead of changing it.

fn change(list: &mut UpdateSide<'_, List<Config, State>>, new: UniqueRcuBox<Entry<Config>>) {
    let mut cursor = list.cursor();
    if let Some(config) = cursor.current() { config.limit = 2; } // VIOLATION: E0594
    drop(cursor.replace_current(new));                   // TWIN
}
