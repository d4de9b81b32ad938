// SPDX-License-Identifier: GPL-2.0

// Without `Reclaim` nobody has said that the destructor may run in softirq context.

struct MaySleep(u32);

impl Reclaim for MaySleep { type Context = Softirq; }  // TWIN
fn pointer() -> Rcu<MaySleep> {                          // VIOLATION: E0277
fn pointer() -> Rcu<MaySleep> {                          // TWIN
    Rcu::null()
}
