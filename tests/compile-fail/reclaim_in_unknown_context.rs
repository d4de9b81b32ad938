// SPDX-License-Identifier: GPL-2.0

// Objects are reclaimed in one of the library's contexts, and nowhere else.
// ERROR SAYS: `u32` is not a context in which RCU reclaims objects

struct Port(u16);

impl Reclaim for Port { type Context = u32; }            // VIOLATION: E0277
impl Reclaim for Port { type Context = Workqueue; }      // TWIN
