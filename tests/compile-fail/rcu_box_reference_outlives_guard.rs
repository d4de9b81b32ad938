// SPDX-License-Identifier: GPL-2.0

// The borrow of a reader may outlive the owner, but not the reader.

fn limit(owner: RcuBox<Config>) -> u32 {
    let guard = read_lock();
    let config = owner.with_rcu(&guard);
    drop(owner);
    drop(guard);                                         // VIOLATION: E0505
    config.limit
}

use rcu::RcuBox;
