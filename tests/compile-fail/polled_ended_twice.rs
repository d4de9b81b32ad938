// SPDX-License-Identifier: GPL-2.0

// One object given back twice would be freed twice.

fn retire(polled: Polled<Config>) {
    drop(polled.wait());
    drop(polled.wait());                                 // VIOLATION: E0382
}
