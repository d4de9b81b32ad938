// SPDX-License-Identifier: GPL-2.0

// A destructor could move pinned fields. Code for the unload belongs to the state's destructor.
// ERROR SAYS: MustNotImplDrop

#[pin_data]                                              // VIOLATION: E0119
#[pin_data]                                              // TWIN
struct Module {
    #[pin]
    state: UpdaterLock<u32>,
}

struct Last;                                             // TWIN
impl Drop for Module { fn drop(&mut self) {} }           // VIOLATION
impl Drop for Last { fn drop(&mut self) {} }             // TWIN
