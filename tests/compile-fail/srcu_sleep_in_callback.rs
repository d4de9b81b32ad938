// SPDX-License-Identifier: GPL-2.0

// A callback of call_srcu() must not sleep: objects whose destructor may sleep go to a workqueue.

struct Device(u32);

impl Reclaim for Device { type Context = Workqueue; }

fn retire(old: Retired<Device, &Srcu>) {
    old.call_srcu();                                     // VIOLATION: E0277
    old.queue_work();                                    // TWIN
}
