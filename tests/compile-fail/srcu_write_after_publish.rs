// SPDX-License-Identifier: GPL-2.0

// A published object has readers.

fn publish(pointer: &SrcuPointer<Config>, mut new: UniqueRcuBox<Config>) {
    new.limit = 2;                                       // TWIN
    drop(pointer.replace(Some(new)));
    new.limit = 2;                                       // VIOLATION: E0382
}
