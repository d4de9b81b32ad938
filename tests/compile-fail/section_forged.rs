// SPDX-License-Identifier: GPL-2.0

// Only `read()` creates a section, because it holds the read-side lock.

fn read(current: &Rcu<Config>) -> bool {
    let section = rcu::Section(core::marker::PhantomData); // VIOLATION: E0423
    current.dereference(&section).is_some()              // VIOLATION
    rcu::read(|section| current.dereference(section).is_some()) // TWIN
}
