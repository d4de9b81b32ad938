// SPDX-License-Identifier: GPL-2.0

// Readers may use the object while it is torn down.

struct Fence { signalled: bool }

impl Reclaim for Fence {
    type Context = Softirq;
    const TEARDOWN: Option<fn(Pin<&Self>)> = Some(|this| {
        this.signalled = true;                           // VIOLATION: E0594
    });
}
