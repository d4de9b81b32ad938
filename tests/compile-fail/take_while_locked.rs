// SPDX-License-Identifier: GPL-2.0

// The lock keeps updaters away, not readers: nothing is taken back under it.

fn take(state: &UpdaterLock<State>) {
    let mut updater = state.lock();
    drop(updater.config.take());                         // VIOLATION: E0596
    drop(updater.select(|state| &state.config).replace(None)); // TWIN
}
