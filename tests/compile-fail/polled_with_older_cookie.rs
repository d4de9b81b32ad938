// SPDX-License-Identifier: GPL-2.0

// A cookie from before the object was unpublished does not cover its later readers.

fn retire(current: &Rcu<Config>) {
    let cookie = GracePeriod::start();
    let Some(retired) = current.replace(None) else { return };
    let polled = Polled { retired, cookie };             // VIOLATION: E0451
    let polled = retired.snapshot();                     // TWIN
}
