// SPDX-License-Identifier: GPL-2.0

// A grace period that has begun has not ended, so the object is not owned yet.

fn retire(old: Retired<Config>) -> u32 {
    let polled = old.start_poll();
    polled.limit                                         // VIOLATION: E0609
    polled.wait().limit                                  // TWIN
}
