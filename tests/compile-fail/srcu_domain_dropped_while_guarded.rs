// SPDX-License-Identifier: GPL-2.0

// A reader ends in its domain, which must still be there.

fn read(domain: Pin<KBox<Srcu>>) {
    let guard = domain.read_lock();
    drop(domain);                                        // VIOLATION: E0505
    drop(guard);
    drop(domain);                                        // TWIN
}
