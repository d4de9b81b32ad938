// SPDX-License-Identifier: GPL-2.0

// A table links entries, not values.
// ERROR SAYS: a `UniqueRcuBox<Config>` is not a new entry of a list or table of `Config`

fn add(mut table: UpdateSide<'_, HashTable<Config, State, 8>>) -> Result {
    drop(table.insert(new_config()?));                   // VIOLATION: E0277
    drop(table.insert(new_entry()?));                    // TWIN
    Ok(())
}
