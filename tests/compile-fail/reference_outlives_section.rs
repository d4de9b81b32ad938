// SPDX-License-Identifier: GPL-2.0

// A reference ends with the section of `read()`.

fn reader(config: &Rcu<Config>) -> u32 {
    rcu::read(|section| config.dereference(section)).map_or(0, |config| config.limit) // VIOLATION: lifetime
    rcu::read(|section| config.dereference(section).map_or(0, |config| config.limit)) // TWIN
}
