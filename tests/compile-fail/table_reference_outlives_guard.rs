// SPDX-License-Identifier: GPL-2.0

// A removed entry may be freed when the critical section has ended.

fn read(state: &UpdaterLock<State>) -> u32 {
    let guard = read_lock();
    let found = state.table.get(&1, &guard);
    drop(guard);                                         // VIOLATION: E0505
    let limit = found.map_or(0, |found| found.limit);
    drop(guard);                                         // TWIN
    limit
}
