// SPDX-License-Identifier: GPL-2.0

// An entry that the cursor has removed may be freed, so its reference ends before.

fn remove(list: &mut UpdateSide<'_, List<Config, State>>) -> u32 {
    let mut cursor = list.cursor();
    let current = cursor.current();
    drop(cursor.remove_current());                       // VIOLATION: E0502
    let limit = current.map_or(0, |current| current.limit);
    drop(cursor.remove_current());                       // TWIN
    limit
}
