// SPDX-License-Identifier: GPL-2.0

// The pointer owns the object, so it must outlive a search of it.

fn unlink(config: Rcu<Counted>) -> u32 {
    let found = rcu::find_and_lock(|search| config.dereference(search), |it| &it.hits);
    drop(config);                                        // VIOLATION: E0505
    found.map_or(0, |found| *found)
}

#[pin_data]
struct Counted { limit: u32, #[pin] hits: SpinLock<u32> }
impl Reclaim for Counted { type Context = Softirq; }
