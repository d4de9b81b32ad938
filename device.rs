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
//! - Between `begin` and `commit` changes wait, and then take effect at once; if one cannot be made, none
//!   is, `commit` fails with its errno, and the read side names its line. `begin reload` builds a new
//!   table aside, which replaces all routes. A line that fails meanwhile is no part of the transaction
//!   and does not end it. Queries see the table as it is. Closing the file aborts, and `close()` fails
//!   with `EINVAL`.
//! - `poll()` finds the file always writable, and readable while answers wait; `show` may turn out empty.
//!   It is woken by the end of a write that left answers.
//! - Programs that look up or change much do it by the ioctls of `include/uapi/rust_rcu_demo.h`.
//! - A bad line ends its write: the lines before it have happened, `write()` returns the bytes up to
//!   it, the next `write()` fails with its errno, and the read side says what is wrong with which
//!   line. When nothing came before it, the same `write()` fails.

mod answers;
mod batch;
mod capability;
mod command;
mod complaint;
mod execute;
mod file;
mod ioctl;
mod lines;
mod lookup;
mod pending;
mod registration;
mod uapi;
mod update;
mod user;
mod wait_queue;
mod wire;

pub(crate) use registration::Registration;
