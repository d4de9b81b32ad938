// SPDX-License-Identifier: GPL-2.0

// A table without buckets has no place for a key.
// ERROR NAMES: HashTable::<Config, Routes, 0>::HAS_BUCKETS

const COUNT: usize = 0;                                // VIOLATION: E0080
const COUNT: usize = 1;                                // TWIN

#[pin_data]
struct Routes {
    #[pin]
    table: rcu::HashTable<Config, Routes, COUNT>,
}

#[allow(unsafe_code, reason = "a symbol keeps the function from being dropped")]
#[no_mangle]
fn new() -> Result<Pin<KBox<Routes>>> {
    KBox::pin_init(pin_init!(Routes { table <- rcu::HashTable::new([0, 0]) }), GFP_KERNEL)
}
