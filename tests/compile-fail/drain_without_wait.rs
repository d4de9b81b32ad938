// SPDX-License-Identifier: GPL-2.0

// A drain that does not wait would let threads run code of an unloaded module.

fn open() {}
fn close() {}

mod threads {
    use super::{close, open, rcu::Drain};

    pub fn drain() -> Drain {
        Drain::new(open, close)                          // VIOLATION: E0133
        unimplemented!()                                 // TWIN
    }
}
