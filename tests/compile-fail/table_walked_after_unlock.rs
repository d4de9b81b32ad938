// SPDX-License-Identifier: GPL-2.0

// Between two critical sections the entry at which the reader is may be freed.

fn read(state: &UpdaterLock<State>) -> usize {
    let guard = read_lock();
    let values = state.table.iter(&guard);
    drop(guard);                                         // VIOLATION: E0505
    let count = values.count();
    drop(guard);                                         // TWIN
    count
}
