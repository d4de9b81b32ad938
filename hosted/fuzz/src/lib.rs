// SPDX-License-Identifier: GPL-2.0

//! Fuzz targets: each takes any bytes, does with them what a user could, and panics if the module's
//! sources do something that they should not.
//!
//! | target | bytes are | compared with |
//! |---|---|---|
//! | [`line`] | what is written to the device | a line cutter of three lines; a route's text parsed again |
//! | [`ioctl`] | the structures of ioctls | what the table's types are when written as structures |
//! | [`operations`] | changes of a table, with allocations that fail | the tests' oracle |
//! | [`decode`] | a kernel log for `rcuctl decode` | itself, read in other pieces |
//!
//! `scripts/fuzz` runs them under libFuzzer and AddressSanitizer. `tests/corpus.rs` runs the inputs that
//! are kept in `corpus/` with the other tests, without either.

pub mod decode;
pub mod ioctl;
pub mod line;
pub mod operations;

mod device;
mod leaks;

// The device's sources name it by this path.
pub(crate) use rcu_routes::rcu_table;
