// SPDX-License-Identifier: GPL-2.0

// An updater that inserts at the same time would make the number of entries wrong.
// ERROR SAYS: changes only under the lock of the state that contains it

fn clear(state: &UpdaterLock<State>) {
    state.table.clear(Retired::call_rcu);                // VIOLATION: E0277
    state.lock().select(|state| &state.table).clear(Retired::call_rcu); // TWIN
}
