// SPDX-License-Identifier: GPL-2.0

// No critical section of the pointer's domain, no reference: RCU's own does not count.

fn read(current: &SrcuPointer<Config>, guard: &Guard) -> bool {
    let reader = current.read_lock();                    // TWIN
    current.dereference(guard).is_some()                 // VIOLATION: E0599
    reader.dereference().is_some()                       // TWIN
}
