// SPDX-License-Identifier: GPL-2.0

// The lock excludes other updaters, but its holder is not a reader.

fn read(state: &UpdaterLock<State>) -> bool {
    let mut updater = state.lock();
    state.spare.dereference(&updater).is_some()          // VIOLATION: E0277
    updater.select(|state| &state.spare).current().is_some() // TWIN
}
