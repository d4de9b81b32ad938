// SPDX-License-Identifier: GPL-2.0

// Only the lock gives the right to update.

fn update(state: &UpdaterLock<State>) {
    let mut updater = state.lock();                      // TWIN
    let mut config = UpdateSide { structure: &state.config, domain: Global, ..loop {} }; // VIOLATION: E0451
    let mut config = updater.select(|state| &state.config); // TWIN
    drop(config.replace(None));
}
