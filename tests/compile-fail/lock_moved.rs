// SPDX-License-Identifier: GPL-2.0

// A state does not move while readers and waiting updaters have its address.

fn exchange(first: Pin<&mut UpdaterLock<State>>, second: Pin<&mut UpdaterLock<State>>) {
    mem::swap(first.get_mut(), second.get_mut());        // VIOLATION: E0277
    drop((first.lock(), second.lock()));                 // TWIN
}
