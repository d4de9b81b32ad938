// SPDX-License-Identifier: GPL-2.0

//! Stands in for `kernel_ext/poll_queue.rs`. In user space there are no files.

/// The wait queue of a file.
pub struct PollQueue;
