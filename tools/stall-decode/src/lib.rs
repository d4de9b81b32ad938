// SPDX-License-Identifier: GPL-2.0

//! Reads kernel logs of any age and wrapping, and explains what they say of RCU: stalls, starved kthreads,
//! misuse, and what comes with them, such as hung tasks, lockups and memory running out.
//!
//! ```text
//! bytes ── lines ── unwrap ──► kernel lines ── decoder ──► reports ── incident ── explain ──► Event
//!                   (time,      (header? part   (report/*: one file a family)
//!                    caller)     of a stack?)
//! ```
//!
//! Lines are seen once, in order, and memory is bounded whatever they are: reports that are open, stacks of a
//! report, frames of a stack, and incidents all have a limit. No input makes it panic.
//!
//! The formats are those of the kernel's own sources, named in each file of `report/`.
//!
//! ```
//! let log = b"rcu: INFO: rcu_sched self-detected stall on CPU\n\
//!     rcu: \t1-....: (2099 ticks this GP) idle=f4d/1/0x4000000000000000\n\
//!     rcu: \t(t=2100 jiffies g=289 q=2)\n";
//! let mut kinds = Vec::new();
//! stall_decode::decode(&log[..], |event| {
//!     kinds.push((event.kind.name(), event.cpus));
//!     Ok(())
//! })?;
//! assert_eq!(kinds, [("rcu-cpu-stall", vec![1])]);
//! # Ok::<(), std::io::Error>(())
//! ```

#![forbid(unsafe_code)]

mod backtrace;
mod decoder;
mod event;
mod explain;
mod functions;
mod incident;
mod input;
mod log_clock;
mod report;
mod scan;
mod stack;
#[cfg(test)]
mod tests;
mod timeline;
mod unwrap;

pub use decoder::Decoder;
pub use event::{CpuDetail, CpuTime, Event, EventKind, Field, Kthread, Task, Time};
pub use input::decode;
pub use timeline::Timeline;
