// SPDX-License-Identifier: GPL-2.0

// A type that excludes nobody must not be the lock of a state.

struct NoLock;

impl rcu::ExclusiveLock for NoLock {                     // VIOLATION: E0200
impl NoLock {                                            // TWIN
    type Data = ();                                      // VIOLATION
    type Held<'a> = &'a ();                              // VIOLATION
    fn acquire(&self) -> &() { &() }
    fn data<'h>(held: &'h mut &()) -> &'h mut () { unreachable!() }
}
