// SPDX-License-Identifier: GPL-2.0

// A function cannot return a reference whose critical section ends inside it.
// ERROR SAYS: cannot return value referencing local variable `guard`

fn read(current: &Rcu<Config>) -> Option<&Config> {      // VIOLATION
fn read<'g>(current: &'g Rcu<Config>, guard: &'g Guard) -> Option<&'g Config> { // TWIN
    let guard = read_lock();                             // VIOLATION
    current.dereference(&guard)                          // VIOLATION: E0515
    current.dereference(guard)                           // TWIN
}
