// SPDX-License-Identifier: GPL-2.0

// An entry has one link: pushed twice, it would make a cycle and be freed twice.

fn push(list: &mut UpdateSide<'_, List<Config, State>>) -> Result {
    let entry = new_entry()?;
    list.push_back(entry);
    let entry = new_entry()?;                            // TWIN
    list.push_front(entry);                              // VIOLATION: E0382
    list.push_front(entry);                              // TWIN
    Ok(())
}
