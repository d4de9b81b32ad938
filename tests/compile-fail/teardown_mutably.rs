// SPDX-License-Identifier: GPL-2.0

// Readers may use the object while it is torn down.

struct Fence { signalled: bool }

impl Reclaim for Fence {
    type Context = Softirq;

    fn teardown(this: Pin<&Self>) {
        this.signalled = true;                           // VIOLATION: E0594
    }
}
