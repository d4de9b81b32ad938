// SPDX-License-Identifier: GPL-2.0

// A state inside another has its own lock, which the outer lock does not replace.
// ERROR SAYS: declare the structure as `Rcu<T, Locked<Outer>>`

struct Outer {
    inner: UpdaterLock<State>,
}

fn update(outer: &UpdaterLock<Outer>) {
    let mut updater = outer.lock();                      // VIOLATION
    let mut updater = outer.inner.lock();                // TWIN
    let config = updater.select(|outer| &outer.inner.config); // VIOLATION: E0277
    let config = updater.select(|inner| &inner.config);  // TWIN
}
