// SPDX-License-Identifier: GPL-2.0

// An object without a head and without a size has no memory that RCU could free.
// ERROR NAMES: UniqueRcuBox::<Nothing>::CAN_EXIST
// ERROR SAYS: a headless object needs a value with a size

struct Nothing;

impl Reclaim for Nothing { type Context = Headless; }    // VIOLATION: E0080
impl Reclaim for Nothing { type Context = Softirq; }     // TWIN

pub fn reachable() -> Result<UniqueRcuBox<Nothing>> {
    Ok(UniqueRcuBox::new(Nothing, GFP_KERNEL)?)
}
