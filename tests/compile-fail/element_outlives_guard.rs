// SPDX-License-Identifier: GPL-2.0

// A reference to an element cannot outlive the guard, as a reference to its object cannot.

fn first(current: &Rcu<Flexible<(), u32>>) -> Option<&u32> { // VIOLATION
fn first<'g>(current: &'g Rcu<Flexible<(), u32>>, guard: &'g Guard) -> Option<&'g u32> { // TWIN
    let guard = &read_lock();                            // VIOLATION
    current.dereference(guard)?.elements.first()         // VIOLATION: E0515
    current.dereference(guard)?.elements.first()         // TWIN
}
