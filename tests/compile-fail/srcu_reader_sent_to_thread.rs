// SPDX-License-Identifier: GPL-2.0

// A critical section must end in the thread in which it began.

fn hand_over(current: &SrcuPointer<Config>) {
    needs_send(current.read_lock());                     // VIOLATION: E0277
    needs_send(current);                                 // TWIN
}
