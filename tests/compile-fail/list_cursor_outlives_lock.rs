// SPDX-License-Identifier: GPL-2.0

// Without the lock the next updater may take out the entry that the cursor stands on.

fn remove(state: &UpdaterLock<State>) {
    let mut updater = state.lock();
    let mut list = updater.select(|state| &state.list);
    let mut cursor = list.cursor();
    drop(updater);                                       // VIOLATION: E0505
    drop(cursor.remove_current());
    drop(updater);                                       // TWIN
}
