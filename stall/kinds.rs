// SPDX-License-Identifier: GPL-2.0

//! The list of all kinds of stall. To add one, describe it in a file of its own and add a line
//! here.

use super::{cpu, flood, grace_period, kind::StallKind, misuse, task, updater, worker};
use crate::kernel_ext::params::{names, Choice};

/// All kinds, in the order of the parameter `stall`.
pub(super) const KINDS: [&StallKind; 21] = [
    &cpu::PREEMPT_OFF,
    &cpu::BH_OFF,
    &cpu::IRQ_OFF,
    &task::PREEMPTED,
    &task::BLOCKED,
    &grace_period::KTHREAD_STARVED,
    &grace_period::KTHREAD_PREEMPTED,
    &grace_period::EXPEDITED,
    &misuse::SLEEP_IN_READER,
    &misuse::MIGHT_SLEEP,
    &misuse::ILLEGAL_SYNCHRONIZE,
    &flood::UNCAPPED,
    &flood::CAPPED,
    &flood::EXHAUSTED,
    &updater::HUNG,
    &misuse::DOUBLE_CALL_RCU,
    &misuse::USE_AFTER_FREE,
    &misuse::LEAKED_READER,
    &worker::LEAKED,
    &task::TASKS,
    &updater::SRCU_STUCK,
];

impl Choice for &'static StallKind {
    const ALL: &'static [Self] = &KINDS;
    const NAMES: &'static [&'static str] = &names!(KINDS, |kind| kind.name);

    fn name(self) -> &'static str {
        self.name
    }
}
