// SPDX-License-Identifier: GPL-2.0

// kvfree_rcu() queues an object by its rcu_head. The error comes with the instance of the function.
// ERROR NAMES: Retired::<Limit>::HAS_HEAD
// ERROR SAYS: kvfree_rcu() needs an rcu_head; use kvfree_rcu_mightsleep()
// ERROR SAYS: |     old.kvfree_rcu();

struct Limit(u32);

impl Reclaim for Limit { type Context = Headless; }

fn retire(old: Retired<Limit>) {
    old.kvfree_rcu();                                    // VIOLATION: E0080
    old.kvfree_rcu_mightsleep();                         // TWIN
}

pub fn reachable(current: &Rcu<Limit>) {
    if let Some(old) = current.replace(None) {
        retire(old);
    }
}
