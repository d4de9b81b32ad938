// SPDX-License-Identifier: GPL-2.0

// A reader who stands on an entry that moves to another list goes on in that one.

fn move_over(list: &mut UpdateSide<'_, List<Config, State>>) {
    if let Some(entry) = list.pop_front() {
        list.push_back(entry);                           // VIOLATION: E0308
        list.push_back(entry.synchronize());             // TWIN
    }
}
