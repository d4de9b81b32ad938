// SPDX-License-Identifier: GPL-2.0

// A reference cannot outlive its critical section, even one that may sleep.

fn read(current: &SrcuPointer<Config>) -> u32 {
    let reader = current.read_lock();
    let config = reader.dereference();
    drop(reader);                                        // VIOLATION: E0505
    let limit = config.map_or(0, |config| config.limit);
    drop(reader);                                        // TWIN
    limit
}
