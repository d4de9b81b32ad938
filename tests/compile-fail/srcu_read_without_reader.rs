// SPDX-License-Identifier: GPL-2.0

// A reference requires a critical section of the pointer's domain; a guard of RCU is none.

fn read(current: &SrcuPointer<Config>, guard: &Guard) -> bool {
    let reader = current.read_lock();                    // TWIN
    current.dereference(guard).is_some()                 // VIOLATION: E0599
    reader.dereference().is_some()                       // TWIN
}
