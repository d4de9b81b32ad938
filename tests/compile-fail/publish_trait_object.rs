// SPDX-License-Identifier: GPL-2.0

// A fat pointer cannot be published with one store: readers could see half of it.
// ERROR SAYS: RCU cannot find a `(dyn Shape + 'static)` by its address alone

trait Shape: Send + Sync {}

impl Reclaim for dyn Shape { type Context = Softirq; }   // VIOLATION: E0277
impl Reclaim for KBox<dyn Shape> { type Context = Softirq; } // TWIN
