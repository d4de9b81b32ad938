// SPDX-License-Identifier: GPL-2.0

// The two types may have different contexts. Then only objects of one of them have a work item.

struct Job<F>(F);
impl Reclaim for Job<Any> { type Context = Softirq; }
impl Reclaim for Job<Static> { type Context = Workqueue; }

fn convert(job: Retired<Job<Any>>) {
    let job: Retired<Job<Static>> = job;                 // VIOLATION: E0308
    let job: Retired<Job<Any>> = job;                    // TWIN
    job.queue_work();                                    // VIOLATION
    job.call_rcu();                                      // TWIN
}
