// SPDX-License-Identifier: GPL-2.0

//! `/dev/rust_rcu_demo`: the route table as a text device.
//!
//! ```text
//! # echo 'add 10.0.0.0/8 via 192.0.2.1 metric 20' > /dev/rust_rcu_demo
//! # cat /dev/rust_rcu_demo
//! 10.0.0.0/8 via 192.0.2.1 metric 20
//! # exec 3<>/dev/rust_rcu_demo; echo get 10.1.2.3 >&3; cat <&3
//! 10.0.0.0/8 via 192.0.2.1 metric 20
//! ```
//!
//! One command a line, in iproute2's words; `help` lists them. Queries are for everyone who may open
//! the node, changes need `CAP_NET_ADMIN`, both of who opened the file and of who writes.
//!
//! - A freshly opened file reads as the whole table, in the form that can be written back. Once
//!   something was written, it reads as the answers to that, then end of file.
//! - A line may be split over several writes. It takes effect with its newline; when one is left
//!   without, `close()` fails with `EINVAL` and the line is discarded, lest half a line do harm.
//! - A bad line ends its write: the lines before it have happened, `write()` returns the bytes up to
//!   it, the next `write()` fails with its errno, and the read side says what is wrong with which
//!   line. When nothing came before it, the same `write()` fails.

mod answers;
mod capability;
mod command;
mod complaint;
mod file;
mod lines;
mod registration;

pub(crate) use registration::Registration;
