// SPDX-License-Identifier: GPL-2.0

//! The knobs of a stall.

use crate::{kernel_ext::permission, lab::knobs::knobs};

/// The longest hold and the longest hold-off.
const MAX_MS: u32 = 60_000;

knobs! {
    /// The knobs at the time when a stall is requested.
    pub(super) struct Knobs, require: permission::check {
        stall_cpu: i32 = -1, in -1..=last_possible_cpu(), "CPU to stall; -1: the last online CPU";
        stall_hold_ms: u32 = 0, in 0..=MAX_MS, unit "ms",
            "Maximum duration of a stall; 0: the kind's own";
        stall_holdoff_ms: u32 = 0, in 0..=MAX_MS, unit "ms", "Delay before a stall begins";
        stall_unsafe: bool = false, "Allow the kinds of stall that do lasting damage";
    }
}

fn last_possible_cpu() -> i32 {
    i32::try_from(kernel::cpu::nr_cpu_ids()).map_or(i32::MAX, |count| count - 1)
}
