// SPDX-License-Identifier: GPL-2.0

// Readers may share the object. Its owner may change it before, as a `UniqueRcuBox`.

fn change(mut owner: UniqueRcuBox<Config>) -> RcuBox<Config> {
    owner.limit = 2;                                     // TWIN
    let mut owner = RcuBox::from(owner);
    owner.limit = 2;                                     // VIOLATION: E0594
    owner
}

use rcu::RcuBox;
