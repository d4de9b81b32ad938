// SPDX-License-Identifier: GPL-2.0

// A mutex sleeps, and a reader must not.

fn count(config: &Rcu<Counted>) {
    drop(rcu::find_and_lock(|search| config.dereference(search), |it| &it.sleeps)); // VIOLATION: E0277
    drop(rcu::find_and_lock(|search| config.dereference(search), |it| &it.hits)); // TWIN
}

#[pin_data]
struct Counted { limit: u32, #[pin] hits: SpinLock<u32>, #[pin] sleeps: Mutex<u32> }
impl Reclaim for Counted { type Context = Softirq; }
