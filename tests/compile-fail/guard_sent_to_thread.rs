// SPDX-License-Identifier: GPL-2.0

// A critical section must end in the thread in which it began.

fn hand_over() {
    needs_send(read_lock());                             // VIOLATION: E0277
    needs_send(1);                                       // TWIN
}
