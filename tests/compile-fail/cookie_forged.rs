// SPDX-License-Identifier: GPL-2.0

// A cookie of a grace period that ended earlier would let the object be freed at once.

fn poll() -> GracePeriod {
    GracePeriod(0)                                       // VIOLATION: E0423
    GracePeriod::start()                                 // TWIN
}
