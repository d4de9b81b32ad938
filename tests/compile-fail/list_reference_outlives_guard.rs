// SPDX-License-Identifier: GPL-2.0

// A removed entry may be freed when the critical section has ended.

fn read(state: &UpdaterLock<State>) -> u32 {
    let guard = read_lock();
    let first = state.list.iter(&guard).next();
    drop(guard);                                         // VIOLATION: E0505
    let limit = first.map_or(0, |first| first.limit);
    drop(guard);                                         // TWIN
    limit
}
