// SPDX-License-Identifier: GPL-2.0

// The lock of a state does not protect a pointer that names another type of state.
// ERROR SAYS: the lock of `Outer` does not protect

struct Outer {
    pointer: Rcu<Config, Locked<State>>,                 // VIOLATION
    pointer: Rcu<Config, Locked<Outer>>,                 // TWIN
}

fn update(outer: &UpdaterLock<Outer>) {
    let mut updater = outer.lock();
    let pointer = updater.select(|outer| &outer.pointer); // VIOLATION: E0277
    let pointer = updater.select(|outer| &outer.pointer); // TWIN
}
