// SPDX-License-Identifier: GPL-2.0

// The lock excludes updaters, not readers, so take() is not available under it.

fn take(state: &UpdaterLock<State>) {
    let mut updater = state.lock();
    drop(updater.config.take());                         // VIOLATION: E0596
    drop(updater.select(|state| &state.config).replace(None)); // TWIN
}
