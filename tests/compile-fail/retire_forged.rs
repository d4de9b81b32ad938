// SPDX-License-Identifier: GPL-2.0

// Only what a pointer gave up is retired: nothing else can be handed to call_rcu().

fn forge() {
    let retire = Retired::<Config>::new;                 // VIOLATION: E0624
    let published = Rcu::<Config>::null();               // TWIN
}
