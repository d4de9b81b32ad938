// SPDX-License-Identifier: GPL-2.0

// An entry is dropped as a whole, which would skip `Reclaim::RECLAIM` of its value. The error comes
// with the instance of the function, so it names the type instead of a line.
// ERROR NAMES: RECLAIM` failed

struct Buffer([u8; 16]);

fn keep(buffer: UniqueRcuBox<Buffer>) { core::mem::forget(buffer); }

impl Reclaim for Buffer {
    type Context = Softirq;
    const RECLAIM: Option<fn(UniqueRcuBox<Self>)> = Some(keep); // VIOLATION
}

pub fn reachable(one: UniqueRcuBox<Buffer>) -> Result {
    keep(one);
    drop(Entry::new(Buffer([0; 16]), GFP_KERNEL)?);      // VIOLATION: E0080
    drop(Entry::new(Buffer([0; 16]), GFP_KERNEL)?);      // TWIN
    Ok(())
}
