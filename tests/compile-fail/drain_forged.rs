// SPDX-License-Identifier: GPL-2.0

// A drain that does not count itself would not be waited for.

struct Module { drain: rcu::CallbackDrain }

fn new(other: Module) -> Module {
    Module { drain: rcu::CallbackDrain(()) }             // VIOLATION: E0423
    Module { drain: other.drain }                        // TWIN
}
