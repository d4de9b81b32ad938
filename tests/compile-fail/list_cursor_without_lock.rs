// SPDX-License-Identifier: GPL-2.0

// A cursor changes the list, so its owner excludes other updaters.
// ERROR SAYS: changes only under the lock of the state that contains it

fn remove(state: &UpdaterLock<State>) {
    drop(state.list.cursor().remove_current());          // VIOLATION: E0277
    drop(state.lock().select(|state| &state.list).cursor().remove_current()); // TWIN
}
