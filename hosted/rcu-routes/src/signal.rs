// SPDX-License-Identifier: GPL-2.0

//! Stands in for `kernel_ext/signal.rs`.

/// Returns whether a test has made a fatal signal arrive.
pub(crate) use kernel::task::fatal_signal::is_pending as is_fatal_pending;
