// SPDX-License-Identifier: GPL-2.0

// A cursor could remove the entry whose link another cursor uses.

fn remove(list: &mut UpdateSide<'_, List<Config, State>>) {
    let mut one = list.cursor();
    one.move_next();
    drop(one.remove_current());                          // TWIN
    let mut two = list.cursor();                         // VIOLATION: E0499
    let mut two = list.cursor();                         // TWIN
    drop(two.remove_current());
    drop(one.remove_current());                          // VIOLATION
}
