// SPDX-License-Identifier: GPL-2.0

// Two updaters that remove neighbours at the same time would link a removed entry again.
// ERROR SAYS: changes only under the lock of the state that contains it

fn remove(state: &UpdaterLock<State>) {
    drop(state.list.remove_first(|config| config.limit == 1)); // VIOLATION: E0277
    drop(state.lock().select(|state| &state.list).remove_first(|config| config.limit == 1)); // TWIN
}
