// SPDX-License-Identifier: GPL-2.0

// The grace periods of a domain do not wait for the readers of another.

fn retire(retired: Retired<Config, &Srcu>, other: &Srcu) {
    let cookie = SrcuGracePeriod::start(other);
    let polled = Polled { retired, cookie };             // VIOLATION: E0451
    let polled = retired.start_poll();                   // TWIN
}
