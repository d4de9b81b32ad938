// SPDX-License-Identifier: GPL-2.0

//! Decodes RCU stalls and related reports in kernel logs.
//!
//! [`decode`] reads a whole log, [`Decoder`] one line at a time. Both produce an [`Event`] for each
//! report: CPU and task stalls, starved grace-period kthreads, misuse of RCU, hung tasks, lockups,
//! and lack of memory. An event names the culprit, explains each field, and lists likely causes and
//! advice. [`Timeline`] draws events as SVG.
//!
//! ```
//! let log = b"rcu: INFO: rcu_sched self-detected stall on CPU\n\
//!     rcu: \t1-....: (2099 ticks this GP) idle=f4d/1/0x4000000000000000\n\
//!     rcu: \t(t=2100 jiffies g=289 q=2)\n";
//! let mut events = Vec::new();
//! stall_decode::decode(&log[..], |event| {
//!     events.push(event);
//!     Ok(())
//! })?;
//! assert_eq!(events[0].kind.name(), "rcu-cpu-stall");
//! assert_eq!(events[0].cpus, [1]);
//! assert_eq!(
//!     events[0].summary,
//!     "CPU 1 stalled a grace period of rcu_sched for about 21 s (2100 jiffies)."
//! );
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Input
//!
//! Logs may be of any kernel since Linux 3.x, with the prefixes of any logger. Lines may be lost,
//! cut, doubled, or mixed with those of other CPUs.
//!
//! The decoder reads each line once and in order. Memory is bounded for any input: open reports,
//! dumps, frames and incidents have limits. No input causes a panic.
//!
//! # Structure
//!
//! ```text
//! bytes ──► unwrap ──► decoder ──► report ──► incident ──► explain ──► Event
//!           (time,     (header,    (parsers,  (links,      (blame,
//!           caller)    detail or   one file   repeats,     causes,
//!                      dump?)      a family)  seconds)     advice)
//! ```
//!
//! Each file of `report/` names the kernel sources that print its lines. The tables in `functions/`
//! say which functions cannot be the culprit, and why; `backtrace` applies them to a stack.

#![deny(unsafe_code)]

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
mod waits;

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use decoder::Decoder;
pub use event::{
    Blame, CpuDetail, CpuTime, Culprit, Event, EventKind, Field, Kthread, Stack, Task, Time,
};
pub use input::{decode, decompressed};
pub use timeline::{Chart, ChartLane, Span, Timeline};
