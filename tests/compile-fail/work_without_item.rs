// SPDX-License-Identifier: GPL-2.0

// queue_work() needs a work item in the object, for which its context must leave room.
// ERROR SAYS: objects of this type have no work item, so `queue_work()` cannot reclaim them

struct Device(u32);

impl Reclaim for Device { type Context = Softirq; }      // VIOLATION
impl Reclaim for Device { type Context = Anywhere; }     // TWIN

fn retire(old: Retired<Device>) {
    old.queue_work();                                    // VIOLATION: E0277
    old.queue_work();                                    // TWIN
}
