// SPDX-License-Identifier: GPL-2.0

// Two updaters that remove neighbours at the same time would link a removed entry again.
// ERROR SAYS: changes only under the lock of the state that contains it

fn remove(state: &UpdaterLock<State>) {
    drop(state.table.remove(&1));                        // VIOLATION: E0277
    drop(state.lock().select(|state| &state.table).remove(&1)); // TWIN
}
