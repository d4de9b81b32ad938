// SPDX-License-Identifier: GPL-2.0

// The two types may have different contexts. Then only objects of one of them have a head.

struct Job<F>(F);
impl Reclaim for Job<Any> { type Context = Headless; }
impl Reclaim for Job<Static> { type Context = Softirq; }

fn convert(job: rcu::RcuBox<Job<Any>>) {
    let job: rcu::RcuBox<Job<Static>> = job;             // VIOLATION: E0308
    let job: rcu::RcuBox<Job<Any>> = job;                // TWIN
}
