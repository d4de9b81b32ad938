// SPDX-License-Identifier: GPL-2.0

// An entry has one link, so it cannot be in a list and in a table.

fn insert(updater: &mut Updater<'_, State>) -> Result {
    let entry = new_entry()?;
    updater.select(|state| &state.list).push_back(entry);
    let entry = new_entry()?;                            // TWIN
    drop(updater.select(|state| &state.table).insert(entry)); // VIOLATION: E0382
    drop(updater.select(|state| &state.table).insert(entry)); // TWIN
    Ok(())
}
