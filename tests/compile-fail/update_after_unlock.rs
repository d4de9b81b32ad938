// SPDX-License-Identifier: GPL-2.0

// The right to update ends with the lock.

fn update(state: &UpdaterLock<State>) {
    let mut updater = state.lock();
    let mut config = updater.select(|state| &state.config);
    drop(updater);                                       // VIOLATION: E0505
    drop(config.replace(None));
    drop(updater);                                       // TWIN
}
