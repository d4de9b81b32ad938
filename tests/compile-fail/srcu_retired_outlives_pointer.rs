// SPDX-License-Identifier: GPL-2.0

// The grace period of a retired object is one of its pointer's domain.

fn retire(current: Pin<KBox<SrcuPointer<Config>>>) {
    let old = current.replace(None);
    drop(current);                                       // VIOLATION: E0505
    drop(old);
    drop(current);                                       // TWIN
}
