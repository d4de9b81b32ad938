// SPDX-License-Identifier: GPL-2.0

// Two updates at the same time would both retire the same old object.
// ERROR SAYS: cannot borrow `updater` as mutable more than once at a time

fn update(state: &UpdaterLock<State>) {
    let mut updater = state.lock();
    let mut one = updater.select(|state| &state.config);
    drop(one.replace(None));                             // TWIN
    let mut two = updater.select(|state| &state.config); // VIOLATION: E0499
    let mut two = updater.select(|state| &state.config); // TWIN
    drop(one.replace(None));                             // VIOLATION
    drop(two.replace(None));
}
