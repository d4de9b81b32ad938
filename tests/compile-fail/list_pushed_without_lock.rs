// SPDX-License-Identifier: GPL-2.0

// Two updaters that push at the same time would lose an entry.
// ERROR SAYS: changes only under the lock of the state that contains it
// ERROR SAYS: acquire the lock with `let mut updater = state.lock();`

fn push(state: &UpdaterLock<State>, entry: UniqueRcuBox<Entry<Config>>) {
    state.list.push_back(entry);                         // VIOLATION: E0277
    state.lock().select(|state| &state.list).push_back(entry); // TWIN
}
