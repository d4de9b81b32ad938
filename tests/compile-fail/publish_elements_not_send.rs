// SPDX-License-Identifier: GPL-2.0

// The elements are dropped on the CPU that runs the callback.

type Holders = Flexible<u32, MutexGuard<'static, u32>>;  // VIOLATION
type Holders = Flexible<u32, u32>;                       // TWIN

fn publish(current: &Rcu<Holders>) {}                    // VIOLATION: E0277
fn publish(current: &Rcu<Holders>) {}                    // TWIN
