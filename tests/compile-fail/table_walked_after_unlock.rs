// SPDX-License-Identifier: GPL-2.0

// Who stands on a value between two critical sections may stand on nothing.

fn read(state: &UpdaterLock<State>) -> usize {
    let guard = read_lock();
    let values = state.table.iter(&guard);
    drop(guard);                                         // VIOLATION: E0505
    let count = values.count();
    drop(guard);                                         // TWIN
    count
}
