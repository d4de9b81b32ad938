// SPDX-License-Identifier: GPL-2.0

// Readers on all CPUs share the elements.

type Counters = Flexible<u32, Cell<u32>>;                // VIOLATION
type Counters = Flexible<u32, AtomicU32>;                // TWIN

fn publish(current: &Rcu<Counters>) {}                   // VIOLATION: E0277
fn publish(current: &Rcu<Counters>) {}                   // TWIN
