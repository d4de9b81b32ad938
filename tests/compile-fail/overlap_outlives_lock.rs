// SPDX-License-Identifier: GPL-2.0

// A section may hold the lock that it switched to until it ends.

fn read(lock: Pin<KBox<SpinLock<u32>>>) {
    let section = Overlap::new();
    section.lock(&lock);
    drop(lock);                                          // VIOLATION: E0505
    drop(section);
    drop(lock);                                          // TWIN
}
