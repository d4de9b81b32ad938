// SPDX-License-Identifier: GPL-2.0

// A reader at an entry that moves to another list would continue in that list.

fn move_over(list: &mut UpdateSide<'_, List<Config, State>>) {
    if let Some(entry) = list.pop_front() {
        list.push_back(entry);                           // VIOLATION: E0277
        list.push_back(entry.synchronize());             // TWIN
    }
}
