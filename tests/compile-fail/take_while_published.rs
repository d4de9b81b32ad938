// SPDX-License-Identifier: GPL-2.0

// Taking an object out needs proof that there is no reader: exclusive access to the pointer.

fn take(current: &Rcu<Config>) {                         // VIOLATION
fn take(current: &mut Rcu<Config>) {                     // TWIN
    drop(current.take());                                // VIOLATION: E0596
    drop(current.take());                                // TWIN
}
