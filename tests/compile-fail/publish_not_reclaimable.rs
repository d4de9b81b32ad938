// SPDX-License-Identifier: GPL-2.0

// Without `Reclaim` the type does not declare where its destructor may run.
// ERROR SAYS: if its destructor may sleep, choose `type Context = Workqueue;`
// ERROR SAYS: RCU cannot reclaim a `MaySleep`, because the type does not implement `Reclaim`

struct MaySleep(u32);

impl Reclaim for MaySleep { type Context = Softirq; }  // TWIN
fn pointer() -> Rcu<MaySleep> {                          // VIOLATION: E0277
fn pointer() -> Rcu<MaySleep> {                          // TWIN
    Rcu::null()
}
