// SPDX-License-Identifier: GPL-2.0

// The lock of a state does not protect a structure outside of it, even one that lives for ever.
// UNDEFINED: rust_build_error

pub fn update(one: &UpdaterLock<State>, other: &'static State) -> bool {
    let mut updater = one.lock();
    let config = updater.select(|_| &other.config);      // VIOLATION
    let config = updater.select(|one| &one.config);      // TWIN
    config.current().is_some()
}
