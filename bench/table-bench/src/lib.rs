// SPDX-License-Identifier: GPL-2.0

//! The measurements of `table-bench`. `bench/user-peers` uses some of them.

#![deny(clippy::undocumented_unsafe_blocks)]
#![deny(unsafe_code)]

pub mod clock;
pub mod hostile;
pub mod lookup;
pub mod memory;
#[expect(unsafe_code, reason = "the popcnt instruction")]
pub mod popcount;
#[path = "../../../scale/quantile.rs"]
mod quantile;
pub mod real;
pub mod report;
pub mod routes;
pub mod stream;
pub mod stretch;
pub mod update;
