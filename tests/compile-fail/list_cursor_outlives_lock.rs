// SPDX-License-Identifier: GPL-2.0

// After the lock is released another updater may remove the cursor's entry.

fn remove(state: &UpdaterLock<State>) {
    let mut updater = state.lock();
    let mut list = updater.select(|state| &state.list);
    let mut cursor = list.cursor();
    drop(updater);                                       // VIOLATION: E0505
    drop(cursor.remove_current());
    drop(updater);                                       // TWIN
}
