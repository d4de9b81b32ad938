// SPDX-License-Identifier: GPL-2.0

// What a pointer owned is freed with it: nobody may still be reading.

fn read(current: Pin<KBox<SrcuPointer<Config>>>) -> bool {
    let reader = current.read_lock();
    drop(current);                                       // VIOLATION: E0505
    let found = reader.dereference().is_some();
    drop(reader);
    drop(current);                                       // TWIN
    found
}
