// SPDX-License-Identifier: GPL-2.0

//! A stand-in for the Linux kernel's `kernel` crate in user space, over [liburcu].
//!
//! It offers what the module's RCU layer and route table use, under the same paths and with the same
//! meaning, so that both compile unchanged. Its [`bindings`] are liburcu's functions (flavour
//! `memb`): grace periods, callbacks and races are real.
//!
//! What it does on purpose, as a debug kernel would:
//!
//! | rule of the kernel | here |
//! |---|---|
//! | no sleeping inside a read-side critical section or a callback | [`task::might_sleep`], `GFP_KERNEL` allocations, [`sync::Mutex::lock`] and waits for grace periods panic there; in a callback the panic aborts the process |
//! | any allocation may fail | [`alloc::failslab`] makes the n-th one fail |
//! | no leaks | [`alloc::live`] counts what is allocated |
//! | no use after free | with debug assertions, fresh and freed memory is poisoned; memory is `malloc()`'s, so AddressSanitizer sees the rest |
//!
//! Where it differs on purpose: threads register with liburcu on first use; callbacks run in one
//! thread of liburcu's instead of softirq context; a spinning reader is preempted like any thread;
//! sleepable RCU, which liburcu does not have, is made of mutexes, with a thread for each domain. Each
//! item's documentation says the rest.
//!
//! [liburcu]: https://liburcu.org

#![deny(
    missing_docs,
    unsafe_op_in_unsafe_fn,
    clippy::undocumented_unsafe_blocks
)]

pub mod alloc;
pub mod bindings;
mod context;
pub mod error;
pub mod init;
pub mod prelude;
pub mod print;
pub mod rbtree;
mod srcu;
pub mod sync;
pub mod task;
pub mod types;
pub mod workqueue;

#[doc(hidden)]
pub use pinned_init as __pinned_init;
