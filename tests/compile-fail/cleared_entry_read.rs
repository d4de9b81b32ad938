// SPDX-License-Identifier: GPL-2.0

// The entries of a cleared list may still have readers.

fn clear(list: &mut UpdateSide<'_, List<Config, State>>) -> u32 {
    list.clear().map(|old| old.limit).sum()              // VIOLATION: E0609
    list.clear().synchronize().map(|old| old.limit).sum() // TWIN
}
