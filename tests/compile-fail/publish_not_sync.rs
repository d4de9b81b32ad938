// SPDX-License-Identifier: GPL-2.0

// Readers on all CPUs share a published object.
// ERROR SAYS: cannot be shared between threads safely

struct Counter(core::cell::Cell<u32>);                   // VIOLATION
struct Counter(kernel::sync::atomic::Atomic<u32>);       // TWIN

impl Reclaim for Counter { type Context = Softirq; }  // VIOLATION: E0277
impl Reclaim for Counter { type Context = Softirq; }  // TWIN
