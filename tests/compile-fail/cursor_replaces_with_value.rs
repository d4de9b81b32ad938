// SPDX-License-Identifier: GPL-2.0

// A cursor links entries, not values.
// ERROR SAYS: a `UniqueRcuBox<Config>` is not a new entry of a list or table of `Config`

fn replace(mut list: UpdateSide<'_, List<Config, State>>) -> Result {
    drop(list.cursor().replace_current(new_config()?));  // VIOLATION: E0277
    drop(list.cursor().replace_current(new_entry()?));   // TWIN
    Ok(())
}
