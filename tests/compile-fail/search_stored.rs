// SPDX-License-Identifier: GPL-2.0

// The search is a reader only while the object is looked for.

fn search(config: &Rcu<Counted>) {
    let mut kept = None;
    drop(rcu::find_and_lock(
        |search| {
            kept = Some(search);                         // VIOLATION: E0521
            kept = Some(1);                              // TWIN
            config.dereference(search)
        },
        |it| &it.hits,
    ));
}

#[pin_data]
struct Counted { limit: u32, #[pin] hits: SpinLock<u32> }
impl Reclaim for Counted { type Context = Softirq; }
