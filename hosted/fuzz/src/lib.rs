// SPDX-License-Identifier: GPL-2.0

//! Fuzz targets. Each one passes arbitrary bytes to the module's sources, as a user could, and
//! panics if the result is wrong.
//!
//! | target | the bytes are | the result is compared with |
//! |---|---|---|
//! | [`line`] | written to the device | a naive line splitter; the parsed text of a route |
//! | [`ioctl`] | the structure of an operation | the encoded structure of the decoded operation |
//! | [`operations`] | changes of a table, and failing allocations | the tests' oracle |
//! | [`decode`] | a kernel log for `rcuctl decode` | the events of the same log read in other pieces |
//!
//! `scripts/fuzz` runs the targets under libFuzzer and AddressSanitizer. `tests/corpus.rs` runs
//! them on the inputs in `corpus/` as a part of `cargo test`, without fuzzer and sanitizer.

#![deny(unsafe_code)]

pub mod decode;
pub mod ioctl;
pub mod line;
pub mod operations;

mod device;
mod leaks;

// The device's sources use this path.
pub(crate) use rcu_routes::rcu_table;
