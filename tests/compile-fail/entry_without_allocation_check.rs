// SPDX-License-Identifier: GPL-2.0

// The allocation of an entry may fail, so the caller handles the error first.
// ERROR SAYS: expected the entry that `Entry::new(value, flags)?` returns

fn add(mut list: UpdateSide<'_, List<Config, State>>) -> Result {
    list.push_front(Entry::new(Config { limit: 1 }, GFP_KERNEL)); // VIOLATION: E0277
    list.push_front(Entry::new(Config { limit: 1 }, GFP_KERNEL)?); // TWIN
    Ok(())
}
