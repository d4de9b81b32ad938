// SPDX-License-Identifier: GPL-2.0

// Two updaters that push at the same time would lose an entry.

fn push(state: &UpdaterLock<State>, entry: UniqueRcuBox<Entry<Config>>) {
    state.list.push_back(entry);                         // VIOLATION: E0599
    state.lock().select(|state| &state.list).push_back(entry); // TWIN
}
