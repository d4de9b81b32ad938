// SPDX-License-Identifier: GPL-2.0

fn count(state: &UpdaterLock<State, SpinLock<u32>>) {
    let mut updater = state.lock();
    let changes = updater.data();
    drop(updater);                                       // VIOLATION: E0505
    *changes += 1;
}
