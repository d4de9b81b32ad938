// SPDX-License-Identifier: GPL-2.0

// A critical section ends in its domain, which must still exist.

fn read(domain: Pin<KBox<Srcu>>) {
    let guard = domain.read_lock();
    drop(domain);                                        // VIOLATION: E0505
    drop(guard);
    drop(domain);                                        // TWIN
}
