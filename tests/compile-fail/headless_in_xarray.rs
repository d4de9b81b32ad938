// SPDX-License-Identifier: GPL-2.0

// The holder of an XArray's lock must not sleep, but it removes objects.
// ERROR NAMES: into_foreign
// ERROR SAYS: a container with a spin lock cannot hold headless objects

use kernel::xarray::XArray;
use rcu::RcuBox;

struct Limit(u32);

impl Reclaim for Limit { type Context = Headless; }      // VIOLATION: E0080
impl Reclaim for Limit { type Context = Softirq; }       // TWIN

pub fn store(limits: &XArray<RcuBox<Limit>>, new: RcuBox<Limit>) {
    drop(limits.lock().store(1, new, GFP_KERNEL));
}
