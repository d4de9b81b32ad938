// SPDX-License-Identifier: GPL-2.0

// A state inside of another has its own lock, and the outer one does not replace it.

struct Outer {
    inner: UpdaterLock<State>,
}

fn update(outer: &UpdaterLock<Outer>) {
    let mut updater = outer.lock();                      // VIOLATION
    let mut updater = outer.inner.lock();                // TWIN
    let config = updater.select(|outer| &outer.inner.config); // VIOLATION: E0277
    let config = updater.select(|inner| &inner.config);  // TWIN
}
