// SPDX-License-Identifier: GPL-2.0

// An object inside an RCU-protected object does not outlive it.

struct Outer { inner: Rcu<Config> }

impl Reclaim for Outer { type Context = Softirq; }

fn read(current: &Rcu<Outer>) -> bool {
    let (outside, inside) = (read_lock(), read_lock());
    let config = current.dereference(&outside).and_then(|outer| outer.inner.dereference(&inside));
    drop(outside);                                       // VIOLATION: E0505
    let found = config.is_some();
    drop(outside);                                       // TWIN
    found
}
