// SPDX-License-Identifier: GPL-2.0

// An updater that pushes at the same time would publish an entry of the cleared list.
// ERROR SAYS: changes only under the lock of the state that contains it

fn clear(state: &UpdaterLock<State>) {
    drop(state.list.clear());                            // VIOLATION: E0277
    drop(state.lock().select(|state| &state.list).clear()); // TWIN
}
