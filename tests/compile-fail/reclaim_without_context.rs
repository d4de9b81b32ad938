// SPDX-License-Identifier: GPL-2.0

// Only the author of a destructor knows whether it sleeps.
// ERROR SAYS: missing: `Context`

struct Port(u16);

impl Reclaim for Port {}                                 // VIOLATION: E0046
impl Reclaim for Port { type Context = Softirq; }        // TWIN
