// SPDX-License-Identifier: GPL-2.0

//! Torture: proves that grace periods hold, and that it would notice if they did not. The method is that
//! of the kernel's `rcutorture`, on the safe abstractions of [`crate::rcu`].
//!
//! ```text
//!   writer     publishes a new element, retires the old one, ends it in one of all ways, and when its grace
//!              period is said to have ended makes it 2 grace periods old, then 3, 4 … 10, then new again
//!                        │
//!                        ▼ published            age 0     age 1        age 2, 3 … 10
//!   readers    find an element ── stay a while ── retired? right ── a grace period has ended: WRONG
//! ```
//!
//! Whoever finds an element inside a critical section and sees it grow older than 1 before the section's
//! end has proved that a grace period did not wait for a reader. Elements are never freed while the run
//! lasts, so that a broken grace period gives counts and no corruption. Beside them there are:
//!
//! - readers in nested sections, in overlapping ones, under spin locks, in interrupts, preempted by
//!   real-time threads, and asleep under SRCU;
//! - *fake writers*, which cause grace periods of other kinds at the same time, and free objects by
//!   `kvfree_rcu()`;
//! - cookies, which must not tell of a grace period before a reader's end and must tell of one that was
//!   waited for;
//! - barriers, which must not return before callbacks that every CPU has queued have run; floods of
//!   callbacks, which must come to an end;
//! - rests (`stutter`), and CPUs that go and come (`onoff_interval`).
//!
//! Told to make a mistake itself (`bug`), the test has to fail, which shows that it can. See
//! `docs/torture.md`.
//!
//! C: [`kernel/rcu/rcutorture.c`](srctree/kernel/rcu/rcutorture.c)

mod bug;
mod callbacks;
mod control;
mod counters;
mod crew;
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
mod writer;

pub(crate) use control::Registration;
