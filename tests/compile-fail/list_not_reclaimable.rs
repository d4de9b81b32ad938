// SPDX-License-Identifier: GPL-2.0

// The values of a list are reclaimed, so their type declares where.
// ERROR SAYS: RCU cannot reclaim a `Port`, because the type does not implement `Reclaim`
// ERROR SAYS: if its destructor never sleeps, add `impl Reclaim for Port { type Context = Softirq; }`

struct Port(u16);

impl Reclaim for Port { type Context = Softirq; }        // TWIN
struct Ports { blocked: List<Port, Ports> }              // VIOLATION: E0277
struct Ports { blocked: List<Port, Ports> }              // TWIN
