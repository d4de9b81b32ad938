// SPDX-License-Identifier: GPL-2.0

// RCU's grace periods do not wait for SRCU's readers.

fn read(current: &Rcu<Config>, domain: &Srcu) -> bool {
    let guard = domain.read_lock();                      // VIOLATION
    let guard = read_lock();                             // TWIN
    current.dereference(&guard).is_some()                // VIOLATION: E0277
    current.dereference(&guard).is_some()                // TWIN
}
