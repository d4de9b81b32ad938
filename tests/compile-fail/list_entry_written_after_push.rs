// SPDX-License-Identifier: GPL-2.0

// Pushing an entry gives up the right to change it.

fn push(list: &mut UpdateSide<'_, List<Config, State>>) -> Result {
    let mut entry = new_entry()?;
    entry.limit = 2;                                     // TWIN
    list.push_back(entry);
    entry.limit = 2;                                     // VIOLATION: E0382
    Ok(())
}
