// SPDX-License-Identifier: GPL-2.0

// A retired object needs a grace period of the pointer's domain, which must still exist.

fn retire(current: Pin<KBox<SrcuPointer<Config>>>) {
    let old = current.replace(None);
    drop(current);                                       // VIOLATION: E0505
    drop(old);
    drop(current);                                       // TWIN
}
