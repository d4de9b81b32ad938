// SPDX-License-Identifier: GPL-2.0

// Readers may still walk entries that were cleared.

fn clear(list: &mut UpdateSide<'_, List<Config, State>>) {
    for entry in list.clear() {                          // VIOLATION
    for entry in list.clear().synchronize() {            // TWIN
        let entry: UniqueRcuBox<Entry<Config>> = entry;        // VIOLATION: E0308
        let entry: UniqueRcuBox<Entry<Config>> = entry;        // TWIN
    }
}
