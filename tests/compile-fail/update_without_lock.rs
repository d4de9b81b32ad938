// SPDX-License-Identifier: GPL-2.0

// A pointer under a lock does not change without it.
// ERROR SAYS: changes only under the lock of the state that contains it

fn update(state: &UpdaterLock<State>) {
    let mut updater = state.lock();                      // TWIN
    let config = &state.config;                          // VIOLATION
    let mut config = updater.select(|state| &state.config); // TWIN
    drop(config.replace(None));                          // VIOLATION: E0277
    drop(config.replace(None));                          // TWIN
}
