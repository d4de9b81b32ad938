// SPDX-License-Identifier: GPL-2.0

// Dropping a pointer frees its object, so no reader may borrow it.

fn read(current: Pin<KBox<SrcuPointer<Config>>>) -> bool {
    let reader = current.read_lock();
    drop(current);                                       // VIOLATION: E0505
    let found = reader.dereference().is_some();
    drop(reader);
    drop(current);                                       // TWIN
    found
}
