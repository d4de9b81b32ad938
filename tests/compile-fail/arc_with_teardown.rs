// SPDX-License-Identifier: GPL-2.0

// Others may share the value of an `Arc`, so the removal of one reference must not tear it down, nor
// skip that. The error comes with the instance of the function, so it names the type.
// ERROR NAMES: TEARDOWN` failed
// ERROR SAYS: others may share the value, so the end of a reference would skip its TEARDOWN

struct Fence([u8; 16]);

fn signal(_fence: Pin<&Fence>) {}

impl Reclaim for Fence {
    type Context = Softirq;
    const TEARDOWN: Option<fn(Pin<&Self>)> = Some(signal); // VIOLATION
}

pub fn reachable(fence: Arc<Fence>) -> Result {
    signal(Pin::new(&fence));
    drop(UniqueRcuBox::new(fence, GFP_KERNEL)?);         // VIOLATION: E0080
    drop(UniqueRcuBox::new(fence, GFP_KERNEL)?);         // TWIN
    Ok(())
}

use kernel::sync::Arc;
