// SPDX-License-Identifier: GPL-2.0

// kvfree_rcu() frees the memory, so a type that wants its objects back must not use it. The error
// comes with the instance of the function, so it names the type instead of a line.
// ERROR NAMES: Retired::<Buffer>::IS_PLAIN_MEMORY

struct Buffer([u8; 16]);

fn keep(buffer: UniqueRcuBox<Buffer>) { core::mem::forget(buffer); }

impl Reclaim for Buffer {
    type Context = Softirq;
    const RECLAIM: Option<fn(UniqueRcuBox<Self>)> = Some(keep); // VIOLATION
}

fn retire(old: Retired<Buffer>) {
    old.kvfree_rcu();                                    // VIOLATION: E0080
    old.kvfree_rcu();                                    // TWIN
}

pub fn reachable(current: &Rcu<Buffer>, one: UniqueRcuBox<Buffer>) {
    if let Some(old) = current.replace(None) {
        retire(old);
    }
    keep(one);
}
