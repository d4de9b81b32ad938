// SPDX-License-Identifier: GPL-2.0

// The lock keeps updaters away, not readers: what is in the list is replaced, not changed.

fn change(list: &mut UpdateSide<'_, List<Config, State>>, better: RcuBox<Entry<Config>>) {
    let mut cursor = list.cursor();
    if let Some(config) = cursor.current() { config.limit = 2; } // VIOLATION: E0594
    drop(cursor.replace_current(better));                // TWIN
}
