// SPDX-License-Identifier: GPL-2.0

// kvfree_rcu() frees the memory without a destructor. The error comes with the instance of the
// function: it names the type, and a note shows the call.
// ERROR NAMES: Retired::<Buffer>::IS_PLAIN_MEMORY
// ERROR SAYS: kvfree_rcu() runs no destructor
// ERROR SAYS: |     old.kvfree_rcu();

struct Buffer(KVec<u8>);                                 // VIOLATION
struct Buffer([u8; 16]);                                 // TWIN

impl Reclaim for Buffer { type Context = Softirq; }

fn retire(old: Retired<Buffer>) {
    old.kvfree_rcu();                                    // VIOLATION: E0080
    old.kvfree_rcu();                                    // TWIN
}

pub fn reachable(current: &Rcu<Buffer>) {
    if let Some(old) = current.replace(None) {
        retire(old);
    }
}
