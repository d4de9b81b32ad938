// SPDX-License-Identifier: GPL-2.0

// Another thread must not read under this thread's critical section.

fn share() {
    let guard = read_lock();
    needs_sync(&guard);                                  // VIOLATION: E0277
    needs_sync(&1);                                      // TWIN
}
