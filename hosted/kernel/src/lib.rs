// SPDX-License-Identifier: GPL-2.0

//! A user-space stand-in for the Linux kernel's `kernel` crate, over [liburcu].
//!
//! It has the items that the module's RCU layer and route table import, with the same paths and
//! meaning, so that both compile unchanged. Its [`bindings`] call liburcu: grace periods, callbacks
//! and races are real. Cargo features include the [flavours](flavour) of liburcu; `memb` is the
//! default. The build finds liburcu 0.14 or newer by `pkg-config`.
//!
//! It enforces rules as a debug kernel does:
//!
//! | kernel rule | check |
//! |---|---|
//! | no sleeping inside a read-side critical section or a callback | [`task::might_sleep`], `GFP_KERNEL` allocations, [`sync::Mutex::lock`] and waits for grace periods panic; a panic in a callback aborts the process |
//! | any allocation can fail | [`alloc::failslab`] makes the n-th allocation fail |
//! | no end of a thread inside a read-side critical section | the process aborts |
//! | no leaks | [`alloc::live`] counts live allocations |
//! | no use after free | debug assertions poison new and freed memory; memory comes from `malloc()`, so AddressSanitizer works |
//!
//! Differences from the kernel:
//!
//! - Threads register with liburcu on first use.
//! - Callbacks run in one thread of liburcu's, not in softirq context.
//! - A reader can be preempted.
//! - liburcu has no sleepable RCU, so it is built on mutexes, with a thread for each domain.
//!
//! The documentation of each item lists its other differences.
//!
//! [liburcu]: https://liburcu.org

#![deny(
    missing_docs,
    unsafe_op_in_unsafe_fn,
    clippy::undocumented_unsafe_blocks
)]

#[expect(unsafe_code, reason = "owns memory through raw pointers")]
pub mod alloc;
#[expect(unsafe_code, reason = "calls and defines C functions")]
pub mod bindings;
#[expect(unsafe_code, reason = "calls C functions")]
mod context;
pub mod error;
#[cfg_attr(
    any(feature = "bp", feature = "qsbr"),
    expect(unsafe_code, reason = "calls C functions")
)]
pub mod flavour;
#[expect(unsafe_code, reason = "implements initialisers")]
pub mod init;
pub mod prelude;
pub mod print;
#[expect(unsafe_code, reason = "defines C functions")]
mod srcu;
#[expect(unsafe_code, reason = "calls C functions")]
mod stretch;
pub mod sync;
pub mod task;
#[expect(unsafe_code, reason = "implements initialisers")]
pub mod types;
#[expect(unsafe_code, reason = "calls C functions through pointers")]
pub mod workqueue;
#[expect(unsafe_code, reason = "owns objects through raw pointers")]
pub mod xarray;

pub use stretch::{longest_stretch, reschedule_point, Stretch};

/// Asserts a condition. The kernel's macro does so when the module is linked.
#[macro_export]
macro_rules! build_assert {
    ($condition:expr, $message:expr) => {
        assert!($condition, "{}", $message)
    };
}

#[doc(hidden)]
pub use pinned_init as __pinned_init;
