// SPDX-License-Identifier: GPL-2.0

// A function cannot return the right to update after it has released the lock.

type Pointer = Rcu<Config, Locked<State>>;

fn config(state: &UpdaterLock<State>) -> UpdateSide<'_, Pointer> { // VIOLATION
fn config<'u>(updater: &'u mut Updater<'_, State>) -> UpdateSide<'u, Pointer> { // TWIN
    let mut updater = state.lock();                      // VIOLATION
    updater.select(|state| &state.config)                // VIOLATION: E0515
    updater.select(|state| &state.config)                // TWIN
}
