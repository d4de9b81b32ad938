// SPDX-License-Identifier: GPL-2.0

// A grace period may end after the borrowed data is gone.

struct Borrowed<'a>(&'a u32);
struct Owned(u32);

impl<'a> Reclaim for Borrowed<'a> { type Context = Softirq; }  // VIOLATION: E0478 E0495
impl Reclaim for Owned { type Context = Softirq; }  // TWIN
