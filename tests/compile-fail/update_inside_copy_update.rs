// SPDX-License-Identifier: GPL-2.0

// An update that replaces the object which another update copies would retire it twice.

fn update(state: &UpdaterLock<State>, new: UniqueRcuBox<Config>) {
    let mut updater = state.lock();
    let mut config = updater.select(|state| &state.config);
    let update = |_: Option<&Config>| -> Result<_> { Ok(new) }; // TWIN
    let update = |_: Option<&Config>| -> Result<_> { config.replace(None); Ok(new) }; // VIOLATION
    let copy = config.copy_update(update);               // VIOLATION: E0499
    let copy = config.copy_update(update);               // TWIN
}
