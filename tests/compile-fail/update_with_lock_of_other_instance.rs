// SPDX-License-Identifier: GPL-2.0

// The lock of a state does not protect another state of the same type.

fn update(one: &UpdaterLock<State>, other: &UpdaterLock<State>) {
    let mut updater = one.lock();
    let config = updater.select(|_| &other.config);      // VIOLATION: lifetime
    let config = updater.select(|one| &one.config);      // TWIN
}
