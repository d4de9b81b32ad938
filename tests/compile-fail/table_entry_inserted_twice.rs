// SPDX-License-Identifier: GPL-2.0

// An entry has one link: in two places the bucket runs in circles, and frees it twice.

fn insert(table: &mut UpdateSide<'_, HashTable<Config, State, 8>>) -> Result {
    let entry = new_entry()?;
    drop(table.insert(entry));
    let entry = new_entry()?;                            // TWIN
    drop(table.insert(entry));                           // VIOLATION: E0382
    drop(table.insert(entry));                           // TWIN
    Ok(())
}
