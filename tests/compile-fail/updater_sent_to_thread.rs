// SPDX-License-Identifier: GPL-2.0

// A mutex must be unlocked by the thread that locked it.

fn hand_over(state: &UpdaterLock<State>) {
    needs_send(state.lock());                            // VIOLATION: E0277
    needs_send(state);                                   // TWIN
}
