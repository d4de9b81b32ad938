// SPDX-License-Identifier: GPL-2.0

// The lock is released at the end of the statement, so the selection cannot be used later.
// ERROR SAYS: temporary value dropped while borrowed

fn remove(state: &UpdaterLock<State>) {
    let mut list = state.lock().select(|state| &state.list); // VIOLATION: E0716
    let mut updater = state.lock();                      // TWIN
    let mut list = updater.select(|state| &state.list);  // TWIN
    drop(list.pop_front());
}
