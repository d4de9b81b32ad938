// SPDX-License-Identifier: GPL-2.0

// Only `drained_module!` may permit callbacks: it makes unload wait for them.

struct Module;

impl kernel::Module for Module {
    fn init(_module: &'static ThisModule) -> Result<Self> { Ok(Self) }
}

impl rcu::DrainedModule for Module {                     // VIOLATION: E0200
    const DRAINS: &'static [rcu::Drain] = &[];           // VIOLATION
}                                                        // VIOLATION
