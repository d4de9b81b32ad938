// SPDX-License-Identifier: GPL-2.0

// A published object is dropped on the CPU that runs the callback.

struct Holder(Option<Guard>);                            // VIOLATION
struct Holder(Option<u32>);                              // TWIN

impl Reclaim for Holder { type Context = Softirq; }  // VIOLATION: E0277
impl Reclaim for Holder { type Context = Softirq; }  // TWIN
