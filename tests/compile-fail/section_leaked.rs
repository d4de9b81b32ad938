// SPDX-License-Identifier: GPL-2.0

// `read()` only lends its section, so that nobody can leak it.

fn read(current: &Rcu<Config>) -> bool {
    rcu::read(|section| mem::forget(*section));          // VIOLATION: E0507
    rcu::read(|section| current.dereference(section).is_some())
}
