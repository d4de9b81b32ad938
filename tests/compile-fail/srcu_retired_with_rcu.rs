// SPDX-License-Identifier: GPL-2.0

// Grace periods of RCU do not wait for readers that may sleep.

fn retire(old: SrcuRetired<'_, Config>) {
    old.call_rcu();                                      // VIOLATION: E0599
    old.call_srcu();                                     // TWIN
}
