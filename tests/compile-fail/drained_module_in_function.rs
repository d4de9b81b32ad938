// SPDX-License-Identifier: GPL-2.0
// ERROR NAMES: `DECLARED`

// `module!` would declare the outer type of the name, which never drops the drains.

struct Inner;

impl kernel::Module for Inner {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Self)
    }
}

struct Outer;

impl kernel::Module for Outer {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Self)
    }
}

/// Passes for the static that `module!` declares.
struct Module;

impl core::ops::Deref for Module {
    type Target = ThisModule;

    fn deref(&self) -> &ThisModule {
        unimplemented!()
    }
}

type DrainedModule = Outer;                              // VIOLATION
type LocalModule = Outer;                                // VIOLATION
static THIS_MODULE: Module = Module;                     // VIOLATION
const MODULE_DRAINS: &[rcu::Drain] = &[];                // VIOLATION
fn declare() {                                           // VIOLATION: E0326
rcu::drained_module! {
    type: Inner,
    name: "case",
    authors: ["The rust_rcu_demo maintainers"],
    description: "A case",
    license: "GPL",
}
}                                                        // VIOLATION
