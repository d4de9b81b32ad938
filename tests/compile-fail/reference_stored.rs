// SPDX-License-Identifier: GPL-2.0

// A reader cannot store a reference in a place that outlives the guard.

struct Cache<'c> {
    last: Option<&'c Config>,
}

fn read<'c>(current: &'c Rcu<Config>, cache: &mut Cache<'c>, long: &'c Guard) {
    let guard = read_lock();
    cache.last = current.dereference(&guard);            // VIOLATION: E0597
    cache.last = current.dereference(long);              // TWIN
}
