// SPDX-License-Identifier: GPL-2.0

// The end of a headless object may sleep, so it is not left to a callback.
// ERROR SAYS: reclaiming this object may sleep, so a callback cannot do it

struct Limit(u32);

impl Reclaim for Limit { type Context = Headless; }      // VIOLATION
impl Reclaim for Limit { type Context = Softirq; }       // TWIN

fn retire(old: Retired<Limit>) {
    old.call_rcu();                                      // VIOLATION: E0277
    old.call_rcu();                                      // TWIN
}
