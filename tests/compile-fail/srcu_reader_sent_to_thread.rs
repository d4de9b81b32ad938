// SPDX-License-Identifier: GPL-2.0

// A critical section ends in the thread that opened it.

fn hand_over(current: &SrcuPointer<Config>) {
    needs_send(current.read_lock());                     // VIOLATION: E0277
    needs_send(current);                                 // TWIN
}
