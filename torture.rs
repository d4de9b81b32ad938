// SPDX-License-Identifier: GPL-2.0

//! Torture: tests that grace periods wait for readers, and shows that it detects one that does not.
//! The method is that of the kernel's `rcutorture`, applied to the safe abstractions of
//! [`crate::rcu`].
//!
//! ```text
//!   writer     publishes a new element and retires the old one by a random method. When the old
//!              one's grace period is reported to have ended, its age becomes 2, then 3, 4 … 10.
//!              Then the writer reuses it
//!                        │
//!                        ▼ published            age 0     age 1        age 2, 3 … 10
//!   readers    find an element ── delay ──────── retired: right ── a grace period ended: WRONG
//! ```
//!
//! A reader that sees its element's age rise above 1 before its critical section ends has proved
//! that a grace period did not wait for a reader. Elements are not freed while the run lasts, so a
//! broken grace period gives counts and no corruption. At the same time there are:
//!
//! - readers in nested and overlapping sections, under spin locks, in interrupts, timers and
//!   softirqs, preempted by real-time threads, in threads that exit, and asleep under SRCU;
//! - *fake writers*, which cause grace periods of other kinds and free objects by `kvfree_rcu()`;
//! - cookies, which must not be complete before a reader ends and must be complete after a wait;
//! - barriers, which must not return before the callbacks that every CPU queued;
//! - floods of callbacks, which must make progress;
//! - pauses (`stutter`), and CPU hotplug (`onoff_interval`).
//!
//! With the parameter `bug` the test injects a bug and must fail. `docs/torture.md` describes the
//! method.
//!
//! C: [`kernel/rcu/rcutorture.c`](srctree/kernel/rcu/rcutorture.c)

mod bug;
mod callbacks;
mod control;
mod counters;
mod disturbances;
mod findings;
mod flavour;
mod knobs;
mod pointers;
mod pool;
mod rcu;
mod reader;
mod report;
mod routes;
mod run;
mod srcu;
mod table;
mod threads;
mod timers;
mod writer;

pub(crate) use control::CONTROL;
pub(crate) use run::Run;
