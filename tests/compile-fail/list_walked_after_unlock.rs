// SPDX-License-Identifier: GPL-2.0

// Who stands on an entry between two critical sections may stand on nothing.

fn read(state: &UpdaterLock<State>) -> usize {
    let guard = read_lock();
    let mut rest = state.list.iter(&guard);
    let _ = rest.next();
    drop(guard);                                         // VIOLATION: E0505
    let count = rest.count();
    drop(guard);                                         // TWIN
    count
}
