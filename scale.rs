// SPDX-License-Identifier: GPL-2.0

//! Scale: measures the cost of readers, and how it grows with their number. The method is that of
//! the kernel's `refscale`, applied to this module's abstractions and to the alternatives.
//!
//! | `scale=` | measures |
//! |---|---|
//! | `read` | an empty read-side critical section of RCU, of SRCU, and of the alternatives to RCU |
//! | `lookup` | lookups in the device's table, on four streams of addresses; beside a writer, in a copy |
//! | `update` | a change of a copy of that table, in each reclaim mode |
//! | `gp` | waiting for a grace period, on idle CPUs and on CPUs with readers |
//!
//! ```text
//!   job thread  starts a thread for each CPU                                             joins them
//!   reader 0    arrives, spins ─┬─ batch │ batch │ batch │ batch ── done, reads on ─┬─►
//!   reader 1    arrives, spins ─┴─ batch │ batch │ batch │ batch │ batch ─ done ────┴─►
//!                         all have arrived                                 all are done
//! ```
//!
//! - A reader begins when all have arrived. After its last batch it continues to read, untimed,
//!   until the last reader is done. So all readers read while any of them is timed.
//! - A reader times batches. A batch in which it lost its CPU to another task is dropped and
//!   counted. Interrupts are included; they affect all rows equally.
//! - A run measures each row once, and is repeated. A disturbance of the machine affects all rows
//!   of some runs, and shows in the spread of a row: each row has its minimum, median and maximum.
//!
//! Where C inlines a function, this module calls one; `scale/primitives.rs` states the cost.
//!
//! | file | content |
//! |---|---|
//! | `read.rs`, `lookup.rs`, `update.rs`, `grace_period.rs` | the measurements |
//! | `measurement.rs` | the description of a measurement |
//! | `rendezvous.rs`, `stream.rs`, `writer.rs`, `copy.rs`, `primitives.rs`, `raw.rs` | shared by measurements |
//! | `run.rs`, `row.rs`, `samples.rs`, `quantile.rs` | the state and the results of a run |
//! | `control.rs` | the list of all measurements, and the parameter `scale` |
//! | `knobs.rs`, `report.rs` | the other parameters, and the text of `scale` |
//!
//! C: [`kernel/rcu/refscale.c`](srctree/kernel/rcu/refscale.c)

mod control;
mod copy;
mod grace_period;
mod knobs;
mod lookup;
mod measurement;
mod primitives;
mod quantile;
#[expect(unsafe_code, reason = "wraps locks that the kernel crate lacks")]
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
