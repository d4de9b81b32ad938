// SPDX-License-Identifier: GPL-2.0

// The lock protects its data from readers, too.

fn count(state: &UpdaterLock<State, SpinLock<u32>>) -> u32 {
    *state.data()                                        // VIOLATION: E0599
    *state.lock().data()                                 // TWIN
}
