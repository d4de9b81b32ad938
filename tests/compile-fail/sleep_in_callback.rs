// SPDX-License-Identifier: GPL-2.0

// A callback of call_rcu() must not sleep: objects whose destructor may sleep go to a workqueue.

struct Device(u32);

impl Reclaim for Device { type Context = Workqueue; }

fn retire(old: Retired<Device>) {
    old.call_rcu();                                      // VIOLATION: E0277
    old.queue_work();                                    // TWIN
}
