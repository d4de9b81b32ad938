// SPDX-License-Identifier: GPL-2.0

// An object that its callback will free cannot be had back as well.

fn retire(old: Retired<Config>) {
    old.call_rcu();                                      // VIOLATION
    drop(old.synchronize());                             // VIOLATION: E0382
    drop(old.synchronize());                             // TWIN
}
