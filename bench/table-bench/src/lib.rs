// SPDX-License-Identifier: GPL-2.0

//! What `table-bench` measures with and what it measures. `user-peers` in `bench/user-peers` shares it.

#![deny(clippy::undocumented_unsafe_blocks)]

pub mod clock;
pub mod hostile;
pub mod lookup;
pub mod memory;
pub mod popcount;
#[path = "../../../scale/quantile.rs"]
mod quantile;
pub mod real;
pub mod report;
pub mod routes;
pub mod stream;
pub mod update;
