// SPDX-License-Identifier: GPL-2.0

// The lock keeps other updaters away, but its owner is no reader.

fn read(state: &UpdaterLock<State>) -> bool {
    let mut updater = state.lock();
    state.spare.dereference(&updater).is_some()          // VIOLATION: E0277
    updater.select(|state| &state.spare).current().is_some() // TWIN
}
