// SPDX-License-Identifier: GPL-2.0

// A value that must not move cannot be moved out.

fn unwrap(object: UniqueRcuBox<Pinned>) {
    drop(object.into_inner());                           // VIOLATION: E0277
    drop(object);                                        // TWIN
}
