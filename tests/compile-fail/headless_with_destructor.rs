// SPDX-License-Identifier: GPL-2.0

// kvfree_rcu_mightsleep() frees the memory without a destructor.
// ERROR NAMES: Retired::<Limit>::IS_PLAIN_MEMORY
// ERROR SAYS: kvfree_rcu() runs no destructor

struct Limit(KVec<u8>);

impl Reclaim for Limit { type Context = Headless; }

fn retire(old: Retired<Limit>) {
    old.kvfree_rcu_mightsleep();                         // VIOLATION: E0080
    old.synchronize();                                   // TWIN
}

pub fn reachable(current: &Rcu<Limit>) {
    if let Some(old) = current.replace(None) {
        retire(old);
    }
}
