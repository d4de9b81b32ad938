// SPDX-License-Identifier: GPL-2.0

// The holder of the lock reads the state like everybody. It selects what it changes.
// ERROR SAYS: call the function on `updater.select(|state| &state.field)`

fn push(state: &UpdaterLock<State>, entry: UniqueRcuBox<Entry<Config>>) {
    let mut updater = state.lock();
    updater.list.push_back(entry);                       // VIOLATION: E0277
    updater.select(|state| &state.list).push_back(entry); // TWIN
}
