// SPDX-License-Identifier: GPL-2.0

// A list links entries, not values.
// ERROR SAYS: a `UniqueRcuBox<Config>` is not a new entry of a list or table of `Config`

fn add(mut list: UpdateSide<'_, List<Config, State>>) -> Result {
    list.push_back(new_config()?);                       // VIOLATION: E0277
    list.push_back(new_entry()?);                        // TWIN
    Ok(())
}
