// SPDX-License-Identifier: GPL-2.0

// A callback frees the object, so synchronize() cannot return it as well.

fn retire(old: Retired<Config>) {
    old.call_rcu();                                      // VIOLATION
    drop(old.synchronize());                             // VIOLATION: E0382
    drop(old.synchronize());                             // TWIN
}
