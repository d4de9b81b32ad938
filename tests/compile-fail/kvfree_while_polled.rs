// SPDX-License-Identifier: GPL-2.0

// Polling returns the object, so nobody else may free it.

fn retire(old: Retired<Config>) {
    let polled = old.start_poll();
    old.kvfree_rcu();                                    // VIOLATION: E0382
    drop(polled.wait());                                 // TWIN
}
