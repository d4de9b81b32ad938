// SPDX-License-Identifier: GPL-2.0

// An entry has one link: what is in a list cannot be in a table as well.

fn insert(updater: &mut Updater<'_, State>) -> Result {
    let entry = new_entry()?;
    updater.select(|state| &state.list).push_back(entry);
    let entry = new_entry()?;                            // TWIN
    drop(updater.select(|state| &state.table).insert(entry)); // VIOLATION: E0382
    drop(updater.select(|state| &state.table).insert(entry)); // TWIN
    Ok(())
}
