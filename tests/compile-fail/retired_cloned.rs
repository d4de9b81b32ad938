// SPDX-License-Identifier: GPL-2.0

// Two endings of one object would free it twice.

fn retire(old: Retired<Config>) {
    old.clone().call_rcu();                              // VIOLATION: E0599
    old.call_rcu();
}
