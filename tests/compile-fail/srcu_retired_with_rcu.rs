// SPDX-License-Identifier: GPL-2.0

// RCU's grace periods do not wait for SRCU's readers.

fn retire(old: Retired<Config, &Srcu>) {
    old.call_rcu();                                      // VIOLATION: E0599
    old.call_srcu();                                     // TWIN
}
