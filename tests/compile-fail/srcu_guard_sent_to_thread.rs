// SPDX-License-Identifier: GPL-2.0

// A critical section must end in the thread in which it began.

fn hand_over(domain: &Srcu) {
    needs_send(domain.read_lock());                      // VIOLATION: E0277
    needs_send(domain);                                  // TWIN
}
