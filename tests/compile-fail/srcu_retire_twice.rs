// SPDX-License-Identifier: GPL-2.0

// Two callbacks for one object would corrupt the list of call_srcu() and free the object twice.

fn retire(old: Retired<Config, &Srcu>) {
    old.call_srcu();
    old.call_srcu();                                     // VIOLATION: E0382
}
