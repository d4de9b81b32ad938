// SPDX-License-Identifier: GPL-2.0

// A removed entry may be freed at any time.

fn remove(list: &mut UpdateSide<'_, List<Config, State>>) -> u32 {
    match list.pop_front() {
        Some(old) => old.limit,                          // VIOLATION: E0609
        Some(old) => old.synchronize().limit,            // TWIN
        None => 0,
    }
}
