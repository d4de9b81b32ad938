// SPDX-License-Identifier: GPL-2.0

// The object may be freed once its lock is released, because the reader ends with it.

fn use_after_unlock(config: &Rcu<Counted>) -> u32 {
    let Some(found) = rcu::find_and_lock(|search| config.dereference(search), |it| &it.hits) else {
        return 0;
    };
    let limit = &found.object().limit;
    drop(found);                                         // VIOLATION: E0505
    *limit
}

#[pin_data]
struct Counted { limit: u32, #[pin] hits: SpinLock<u32> }
impl Reclaim for Counted { type Context = Softirq; }
