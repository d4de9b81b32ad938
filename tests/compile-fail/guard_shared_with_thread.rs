// SPDX-License-Identifier: GPL-2.0

// A thread cannot read in the critical section of another thread.

fn share() {
    let guard = read_lock();
    needs_sync(&guard);                                  // VIOLATION: E0277
    needs_sync(&1);                                      // TWIN
}
