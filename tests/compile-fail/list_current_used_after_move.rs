// SPDX-License-Identifier: GPL-2.0

// The cursor that moves on may remove the entry that it leaves.

fn walk(list: &mut UpdateSide<'_, List<Config, State>>) -> u32 {
    let mut cursor = list.cursor();
    let first = cursor.current();
    cursor.move_next();                                  // VIOLATION: E0502
    first.map_or(0, |config| config.limit)
}
