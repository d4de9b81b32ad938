// SPDX-License-Identifier: GPL-2.0

// A found object is locked, and its section lasts, in the thread that found it.

fn hand_over(config: &Rcu<Counted>) {
    let found = rcu::find_and_lock(|search| config.dereference(search), |it| &it.hits);
    needs_send(found);                                   // VIOLATION: E0277
    needs_send(config);                                  // TWIN
}

#[pin_data]
struct Counted { limit: u32, #[pin] hits: SpinLock<u32> }
impl Reclaim for Counted { type Context = Softirq; }
