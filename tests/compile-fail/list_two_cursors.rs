// SPDX-License-Identifier: GPL-2.0

// One cursor would take out the entry whose link the other holds.

fn remove(list: &mut UpdateSide<'_, List<Config, State>>) {
    let mut one = list.cursor();
    one.move_next();
    drop(one.remove_current());                          // TWIN
    let mut two = list.cursor();                         // VIOLATION: E0499
    let mut two = list.cursor();                         // TWIN
    drop(two.remove_current());
    drop(one.remove_current());                          // VIOLATION
}
