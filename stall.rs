// SPDX-License-Identifier: GPL-2.0

//! The stall lab: provokes each way to stall RCU or to misuse it. People can learn the kernel's
//! reports, and tools can be tested on them.
//!
//! ```text
//!   rcu_stall       runs one stall, on another CPU than the culprit
//!     │ starts
//!     ├─► culprit   a thread, a callback or an interrupt that blocks a grace period or misuses
//!     │             RCU; it checks every few milliseconds whether the run is over
//!     └─► waiter    waits for the blocked grace period
//! ```
//!
//! Nothing happens until the parameter `stall` names a kind. A run lasts at most `stall_hold_ms`.
//! It ends at once when `stall` is set to `none` or the module is unloaded, and then waits for
//! everything that it has started. Kinds that do lasting damage also require `stall_unsafe=1`.
//!
//! The kernel reports a stall after a time-out of its own, which it reads when a grace period
//! begins. The lab does not change these time-outs:
//!
//! | parameter or file | time-out of |
//! |---|---|
//! | `rcupdate.rcu_cpu_stall_timeout`, in seconds; 5 more with `CONFIG_PROVE_RCU` | a grace period |
//! | `rcupdate.rcu_exp_cpu_stall_timeout`, in milliseconds | an expedited grace period |
//! | `rcupdate.rcu_task_stall_timeout`, in jiffies | a grace period of RCU tasks |
//! | `/proc/sys/kernel/hung_task_timeout_secs` | a blocked task |
//!
//! | file | content |
//! |---|---|
//! | `kinds.rs` | the list of all kinds |
//! | `cpu.rs`, `task.rs`, `grace_period.rs`, `misuse.rs`, `flood.rs`, `updater.rs`, `worker.rs` | the kinds |
//! | `kind.rs` | the description of a kind |
//! | `run.rs`, `threads.rs` | the state and the threads of a run |
//! | `raw.rs`, `raw/` | operations that need `unsafe` code |
//! | `control.rs`, `knobs.rs`, `report.rs` | parameters and log |
//!
//! C: [`Documentation/RCU/stallwarn.rst`](srctree/Documentation/RCU/stallwarn.rst)

mod control;
mod cpu;
mod flood;
mod grace_period;
mod kind;
mod kinds;
mod knobs;
mod misuse;
#[expect(unsafe_code, reason = "misuses RCU where no safe abstraction can")]
mod raw;
mod report;
mod run;
mod task;
mod threads;
mod updater;
mod worker;

pub(crate) use control::{Stall, CONTROL};
