// SPDX-License-Identifier: GPL-2.0

// Two callbacks for one object would corrupt the list of call_rcu() and free the object twice.
// ERROR SAYS: use of moved value: `old`

fn retire(old: Retired<Config>) {
    old.call_rcu();
    old.call_rcu();                                      // VIOLATION: E0382
}
