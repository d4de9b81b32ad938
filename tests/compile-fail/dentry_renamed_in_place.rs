// SPDX-License-Identifier: GPL-2.0

// Readers compare the names of entries, so an updater replaces the entry instead of its name.

fn rename(state: &UpdaterLock<State>, new: UniqueRcuBox<Entry<Config>>) {
    let mut updater = state.lock();
    let mut table = updater.select(|state| &state.table);
    if let Some(dentry) = table.get(&1) { dentry.limit = 2; } // VIOLATION: E0594
    drop(table.insert(new));                             // TWIN
    drop(table.remove(&1));                              // TWIN
}
