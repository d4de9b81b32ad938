// SPDX-License-Identifier: GPL-2.0

// An entry has one link: inserted twice, it would make a cycle and be freed twice.

fn insert(table: &mut UpdateSide<'_, HashTable<Config, State, 8>>) -> Result {
    let entry = new_entry()?;
    drop(table.insert(entry));
    let entry = new_entry()?;                            // TWIN
    drop(table.insert(entry));                           // VIOLATION: E0382
    drop(table.insert(entry));                           // TWIN
    Ok(())
}
