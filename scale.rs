// SPDX-License-Identifier: GPL-2.0

//! Scale: what readers cost, and how that grows with their number. The method is that of the kernel's
//! `refscale`, on the abstractions of this module, and on what one would use in place of them.
//!
//! | `scale=` | measures |
//! |---|---|
//! | `read` | an empty read-side critical section of RCU, SRCU, and of all that readers could be held off by instead |
//! | `lookup` | lookups in the table that the device serves, on four streams of addresses, also beside a writer |
//! | `update` | a change of that table, in each way of reclaim |
//! | `gp` | waiting for a grace period, on idle CPUs and on such that read |
//!
//! ```text
//!   conductor   starts a thread for each CPU                                             joins them
//!   reader 0    arrives, spins ─┬─ batch │ batch │ batch │ batch ── done, reads on ─┬─►
//!   reader 1    arrives, spins ─┴─ batch │ batch │ batch │ batch │ batch ─ done ────┴─►
//!                              all are there                                    all are done
//! ```
//!
//! - A reader begins when all have arrived, and goes on reading, without its clock, until the last is done. So
//!   whatever is timed was timed while all of them read.
//! - Time is taken by batches. One in which the reader lost its CPU to another task does not count; how many did
//!   not is told. Interrupts count: they are the same for everyone.
//! - A run measures each row once, and the next run does so again: what disturbs the machine for a while disturbs
//!   all rows, and shows in what the runs of a row are apart. Of each row the least, the median and the most
//!   are told.
//!
//! Where C inlines a function, this module calls one; `scale/primitives.rs` says what that is worth.
//!
//! C: [`kernel/rcu/refscale.c`](srctree/kernel/rcu/refscale.c)

mod control;
mod grace_period;
mod knobs;
mod lookup;
mod primitives;
mod quantile;
mod raw;
mod read;
mod rendezvous;
mod report;
mod row;
mod run;
mod samples;
mod stream;
mod update;
mod writer;

pub(crate) use control::Registration;
