// SPDX-License-Identifier: GPL-2.0

// Readers that may sleep cannot write either.

fn write(pointer: &SrcuPointer<Config>) {
    let reader = pointer.read_lock();
    if let Some(config) = reader.dereference() {
        config.limit = 2;                                // VIOLATION: E0594
        let _ = config.limit;                            // TWIN
    }
}
