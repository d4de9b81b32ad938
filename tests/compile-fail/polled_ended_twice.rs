// SPDX-License-Identifier: GPL-2.0

// An object that is returned twice would be freed twice.

fn retire(polled: Polled<Config>) {
    drop(polled.wait());
    drop(polled.wait());                                 // VIOLATION: E0382
}
