// SPDX-License-Identifier: GPL-2.0

fn limit(owner: RcuBox<Config>) -> u32 {
    let limit = owner.limit;                             // TWIN
    owner.retire().call_rcu();
    let limit = owner.limit;                             // VIOLATION: E0382
    limit
}

use rcu::RcuBox;
