// SPDX-License-Identifier: GPL-2.0

// The end of a headless object may sleep, and the holder of a spin lock must not.
// ERROR NAMES: Updater::<'_, Limits,
// ERROR SAYS: headless objects need a lock that may sleep, such as a Mutex

struct Limit(u32);
struct Limits { current: Rcu<Limit, Locked<Limits>> }

impl Reclaim for Limit { type Context = Headless; }

pub fn update(
    limits: &UpdaterLock<Limits, SpinLock<()>>,          // VIOLATION: E0080
    limits: &UpdaterLock<Limits>,                        // TWIN
) {
    drop(limits.lock().select(|limits| &limits.current).replace(None));
}
