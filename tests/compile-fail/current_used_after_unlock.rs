// SPDX-License-Identifier: GPL-2.0

// After the lock is released another updater may retire the object.

fn update(state: &UpdaterLock<State>) -> u32 {
    let mut updater = state.lock();
    let config = updater.select(|state| &state.config);
    let current = config.current();
    drop(updater);                                       // VIOLATION: E0505
    let limit = current.map_or(0, |current| current.limit);
    drop(updater);                                       // TWIN
    limit
}
