// SPDX-License-Identifier: GPL-2.0

// Without a reader, a borrow of the object must not outlive its owner.

fn limit(owner: RcuBox<Config>) -> u32 {
    let limit = &owner.limit;
    drop(owner);                                         // VIOLATION: E0505
    *limit
}

use rcu::RcuBox;
