// SPDX-License-Identifier: GPL-2.0

//! The stall lab: each way in which code stalls RCU or misuses it, on demand, so that people can learn the
//! kernel's reports and tools can be tested on them.
//!
//! ```text
//!   rcu_stall       conducts a run, on another CPU than the culprit's
//!     │ starts
//!     ├─► culprit   a thread, a callback or an interrupt that holds up a grace period, or does what is
//!     │             forbidden; looks every few milliseconds whether it is to end
//!     └─► waiter    needs the grace period that is held up
//! ```
//!
//! Nothing happens until the parameter `stall` names a kind. A run lasts for `stall_hold_ms` at most, whatever
//! happens, and ends at once when `stall` is set to `none` or the module is unloaded; then everything that it
//! has started is waited for. Kinds that leave the kernel unfit want `stall_unsafe=1` as well.
//!
//! The kernel complains after time-outs of its own, which are not changed here. It takes them at the beginning
//! of a grace period:
//!
//! | parameter or file | of |
//! |---|---|
//! | `rcupdate.rcu_cpu_stall_timeout`, in seconds; 5 more with `CONFIG_PROVE_RCU` | a grace period |
//! | `rcupdate.rcu_exp_cpu_stall_timeout`, in milliseconds | an expedited one |
//! | `rcupdate.rcu_task_stall_timeout`, in jiffies | one of RCU tasks |
//! | `/proc/sys/kernel/hung_task_timeout_secs` | a thread that waits |
//!
//! C: [`Documentation/RCU/stallwarn.rst`](srctree/Documentation/RCU/stallwarn.rst)

mod control;
mod cpu;
mod flood;
mod grace_period;
mod kinds;
mod knobs;
mod misuse;
mod permission;
mod raw;
mod report;
mod run;
mod scene;
mod task;
mod updater;

pub(crate) use control::Registration;
