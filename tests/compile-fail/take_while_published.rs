// SPDX-License-Identifier: GPL-2.0

// take() requires exclusive access to the pointer, which proves that there is no reader.

fn take(current: &Rcu<Config>) {                         // VIOLATION
fn take(current: &mut Rcu<Config>) {                     // TWIN
    drop(current.take());                                // VIOLATION: E0596
    drop(current.take());                                // TWIN
}
