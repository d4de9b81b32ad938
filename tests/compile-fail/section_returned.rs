// SPDX-License-Identifier: GPL-2.0

// A section that outlives `read()` would prove a section that has ended.

fn read(current: &Rcu<Config>) -> bool {
    let section = rcu::read(|section| section);          // VIOLATION: lifetime
    current.dereference(section).is_some()               // VIOLATION
    rcu::read(|section| current.dereference(section).is_some()) // TWIN
}
