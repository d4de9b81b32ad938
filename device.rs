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
//! Each line is one command in iproute2's syntax; `help` lists the commands. The device also
//! accepts the text that `ip route` prints. It skips and counts words that do not change the
//! packets' way. Every process that can open the node can query the table. A change requires
//! `CAP_NET_ADMIN` of both the opener and the writer.
//!
//! - Before the first write, a file reads as the whole table, in a form that can be written
//!   back. After the first write it reads as the answers to the commands, then end of file.
//! - A file is a stream: `lseek()`, `pread()` and `pwrite()` fail with `ESPIPE`.
//! - A line may be split over several writes; its newline makes it take effect. Closing the file
//!   discards a last line without newline: a truncated line could have another meaning.
//! - A backslash at the end of a line continues it. Legs of a multipath route may be in lines of
//!   their own, as `ip route` prints them. Closing the file discards a route without next hop.
//! - `begin` opens a transaction. `commit` makes its changes at once, or none of them if one fails.
//!   Then `commit` fails with the errno of that change, and the read side names its line.
//! - `begin reload` builds a new table, and `commit` replaces all routes by it.
//! - A line that fails during a transaction neither joins nor ends it. Queries see the table
//!   without the transaction's changes. Closing the file aborts the transaction.
//! - `nexthop` changes and shows next-hop objects, as `ip nexthop` does. A route with `nhid` uses
//!   an object. `nexthop replace` changes the next hop of all its routes by one store. An object
//!   that a route or a group uses cannot be deleted: `EBUSY`. A transaction cannot change objects:
//!   `EBUSY`.
//! - A route can have several next hops. A hash of the address selects one of them.
//! - The last `close()` of a file fails with `EINVAL` if it discards a line or a transaction. The
//!   `close()` of a duplicate succeeds. Many ends discard the result: an exit, `exec()`, `dup2()`,
//!   and a shell's redirection. If another thread is in a call on the file, the file ends with that
//!   call, and no `close()` reports it. The kernel log then names the discarded line.
//! - One call at a time uses an open file. Another call waits for it until a signal arrives; with
//!   `O_NONBLOCK` it fails with `EAGAIN`. `O_NONBLOCK` does not shorten the wait for the table's
//!   other updaters or for a grace period. `close()` and `poll()` never wait.
//! - `poll()` reports the file as writable always, and as readable while answers are unread. The
//!   answer to `show` may be empty. A write that leaves answers wakes the pollers when it ends.
//! - A write ends at a bad line. The lines before it have taken effect, and `write()` returns the
//!   bytes up to it. If the next `write()` starts with the bad line, it fails with the line's
//!   errno; other lines take effect. If the bad line comes first, the same `write()` fails. The
//!   read side has the message with the line's number.
//! - A file keeps 256 KiB of unread answers. Beyond that, lines fail with `ENOBUFS`. The control
//!   group of the caller is charged for the memory of a file.
//! - After `monitor`, reads return the answers and then each change of the table; the module
//!   `monitor` describes the lines. A read without changes waits; with `O_NONBLOCK` it fails with
//!   `EAGAIN`. All files read one ring of 8192 changes. If 256 files monitor the table, `monitor`
//!   fails with `EBUSY`; the last 32 are for files whose opener may change the table.
//! - The ioctls of `include/uapi/rust_rcu_demo.h` look up or change many routes in one call.

mod answers;
mod batch;
#[expect(unsafe_code, reason = "calls capable()")]
mod capability;
mod command;
mod dump;
mod execute;
mod file_operations;
mod file_stats;
mod flows;
mod generation;
mod get;
mod ioctl;
mod joined;
mod line_error;
mod lines;
mod lookup;
mod monitor;
mod numbers;
mod objects;
mod open_file;
mod pending;
#[expect(unsafe_code, reason = "implements flush() and poll() on raw files")]
mod raw_operations;
#[expect(unsafe_code, reason = "registers a misc device")]
mod registration;
mod signal;
mod turn;
mod uapi;
mod update;
#[expect(unsafe_code, reason = "copies structures from and to user memory")]
mod user;
mod wire;
mod write;

pub(crate) use registration::Registration;
