// SPDX-License-Identifier: GPL-2.0

//! The kinds of stall and misuse.

use super::{cpu, flood, grace_period, misuse, run::Run, task, updater};
use core::ffi::CStr;
use kernel::{prelude::*, sync::Arc};

/// A way to stall RCU, or to misuse it.
pub(super) struct Kind {
    /// As the parameter `stall` has it.
    pub(super) name: &'static str,
    /// What goes wrong, for the log.
    pub(super) shows: &'static str,
    /// A part of the line by which the kernel tells of it.
    pub(super) expects: &'static str,
    /// The configuration that this kernel lacks for it, if it does.
    pub(super) missing: Option<&'static str>,
    pub(super) needs_two_cpus: bool,
    /// Milliseconds until the kernel has complained, with its shortest time-outs.
    pub(super) hold_ms: u32,
    /// Milliseconds that it may last.
    pub(super) max_hold_ms: u32,
    /// The name of the thread that is to blame, if it is one.
    pub(super) culprit: Option<&'static CStr>,
    /// What it leaves behind, if the kernel is not as before.
    pub(super) breaks: Option<&'static str>,
    /// Does it, for as long as the run lasts.
    pub(super) provoke: fn(&Arc<Run>) -> Result,
}

impl Kind {
    /// What most kinds have in common: a reader's thread that holds up a grace period until RCU complains.
    pub(super) const DEFAULT: Self = Self {
        name: "",
        shows: "",
        expects: "",
        missing: None,
        needs_two_cpus: false,
        hold_ms: CPU_STALL_MS + 4000,
        max_hold_ms: 60_000,
        culprit: Some(c"stall_reader"),
        breaks: None,
        provoke: |_| Ok(()),
    };
}

/// Milliseconds of the shortest time-out of a grace period: 3 seconds, and `RCU_STALL_DELAY_DELTA`.
pub(super) const CPU_STALL_MS: u32 = if cfg!(CONFIG_PROVE_RCU) { 8000 } else { 3000 };

/// Milliseconds until a thread was found that waits, with a time-out of 5 seconds: the kernel looks as often.
pub(super) const HUNG_TASK_MS: u32 = 12_000;

/// The configuration that is missing unless this kernel has it.
pub(super) const fn unless(has: bool, config: &'static str) -> Option<&'static str> {
    if has {
        None
    } else {
        Some(config)
    }
}

/// All kinds.
pub(super) static KINDS: [Kind; 19] = [
    cpu::PREEMPT_OFF,
    cpu::BH_OFF,
    cpu::IRQ_OFF,
    task::PREEMPTED,
    task::BLOCKED,
    grace_period::KTHREAD_STARVED,
    grace_period::EXPEDITED,
    misuse::SLEEP_IN_READER,
    misuse::MIGHT_SLEEP,
    misuse::ILLEGAL_SYNCHRONIZE,
    flood::UNCAPPED,
    flood::CAPPED,
    flood::EXHAUSTED,
    updater::HUNG,
    misuse::DOUBLE_CALL_RCU,
    misuse::USE_AFTER_FREE,
    misuse::LEAKED_READER,
    task::TASKS,
    updater::SRCU_STUCK,
];
