// SPDX-License-Identifier: GPL-2.0

// A removed entry has readers, and is freed by a callback at any time.

fn remove(table: &mut UpdateSide<'_, HashTable<Config, State, 8>>) -> u32 {
    let Some(old) = table.remove(&1) else { return 0 };
    old.limit                                            // VIOLATION: E0609
    old.synchronize().limit                              // TWIN
}
