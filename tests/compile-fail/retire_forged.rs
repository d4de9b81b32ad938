// SPDX-License-Identifier: GPL-2.0

// Only an unpublished object can be retired: nothing else can be passed to call_rcu().

fn forge() {
    let retire = Retired::<Config>::new;                 // VIOLATION: E0624
    let published = Rcu::<Config>::null();               // TWIN
}
