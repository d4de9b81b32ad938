// SPDX-License-Identifier: GPL-2.0

// Two updaters that insert at the same time would lose an entry.
// ERROR SAYS: changes only under the lock of the state that contains it

fn insert(state: &UpdaterLock<State>, entry: UniqueRcuBox<Entry<Config>>) {
    drop(state.table.insert(entry));                     // VIOLATION: E0277
    drop(state.lock().select(|state| &state.table).insert(entry)); // TWIN
}
