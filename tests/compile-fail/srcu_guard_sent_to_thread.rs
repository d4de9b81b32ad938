// SPDX-License-Identifier: GPL-2.0

// A critical section ends in the thread that opened it.

fn hand_over(domain: &Srcu) {
    needs_send(domain.read_lock());                      // VIOLATION: E0277
    needs_send(domain);                                  // TWIN
}
