// SPDX-License-Identifier: GPL-2.0

// Two who push at once lose an entry.

fn push(state: &UpdaterLock<State>, entry: RcuBox<Entry<Config>>) {
    state.list.push_back(entry);                         // VIOLATION: E0599
    state.lock().select(|state| &state.list).push_back(entry); // TWIN
}
