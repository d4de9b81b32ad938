// SPDX-License-Identifier: GPL-2.0

// Two callbacks for one object: call_rcu()'s list is corrupted, and the object freed twice.

fn retire(old: Retired<Config>) {
    old.call_rcu();
    old.call_rcu();                                      // VIOLATION: E0382
}
