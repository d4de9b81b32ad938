// SPDX-License-Identifier: GPL-2.0

// The lock of a state without a domain would wait for RCU's readers instead.
// ERROR SAYS: names another domain than

struct Shared { list: List<Config, Shared, Srcu> }

fn clear(
    state: &UpdaterLock<Shared>,                         // VIOLATION
    state: &UpdaterLock<Shared, SrcuLock<Mutex<()>, Srcu>>, // TWIN
) {
    let mut updater = state.lock();
    drop(updater.select(|state| &state.list));           // VIOLATION: E0277
    drop(updater.select(|state| &state.list));           // TWIN
}
