// SPDX-License-Identifier: GPL-2.0

//! Kinds of events.

use serde::Serialize;

/// A kind of kernel report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// A normal grace period that does not end (`kernel/rcu/tree_stall.h`).
    #[default]
    RcuCpuStall,
    /// An expedited grace period that does not end (`kernel/rcu/tree_exp.h`).
    RcuExpeditedStall,
    /// An RCU Tasks grace period that does not end (`kernel/rcu/tasks.h`).
    RcuTasksStall,
    /// A grace-period kthread that does not run, or whose timer does not fire.
    RcuKthreadStarved,
    /// A voluntary context switch in an RCU read-side critical section.
    VoluntaryContextSwitch,
    /// A misuse of RCU, found by lockdep (`kernel/locking/lockdep.c`).
    SuspiciousRcuUsage,
    /// A call that may sleep in atomic context (`kernel/sched/core.c`).
    SleepingInAtomic,
    /// A task in uninterruptible sleep for too long (`kernel/hung_task.c`).
    HungTask,
    /// A CPU that does not schedule (`kernel/watchdog.c`).
    SoftLockup,
    /// A CPU that handles no interrupts (`kernel/watchdog.c`).
    HardLockup,
    /// A worker pool that makes no progress (`kernel/workqueue.c`).
    WorkqueueLockup,
    /// A CPU that does not answer cross-CPU calls (`kernel/smp.c`).
    CsdLock,
    /// An `rcu_head` that was queued twice.
    DoubleCallRcu,
    /// An access to freed memory (KASAN, KFENCE, SLUB's poison).
    UseAfterFree,
    /// A lock or reader still held when its task left the kernel or its work item ended.
    LockLeak,
    /// A failed page allocation.
    PageAllocationFailure,
    /// A run of the OOM killer.
    Oom,
}

impl EventKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 17] = [
        Self::RcuCpuStall,
        Self::RcuExpeditedStall,
        Self::RcuTasksStall,
        Self::RcuKthreadStarved,
        Self::VoluntaryContextSwitch,
        Self::SuspiciousRcuUsage,
        Self::SleepingInAtomic,
        Self::HungTask,
        Self::SoftLockup,
        Self::HardLockup,
        Self::WorkqueueLockup,
        Self::CsdLock,
        Self::DoubleCallRcu,
        Self::UseAfterFree,
        Self::LockLeak,
        Self::PageAllocationFailure,
        Self::Oom,
    ];

    /// Returns the name used in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::RcuCpuStall => "rcu-cpu-stall",
            Self::RcuExpeditedStall => "rcu-expedited-stall",
            Self::RcuTasksStall => "rcu-tasks-stall",
            Self::RcuKthreadStarved => "rcu-kthread-starved",
            Self::VoluntaryContextSwitch => "voluntary-context-switch",
            Self::SuspiciousRcuUsage => "suspicious-rcu-usage",
            Self::SleepingInAtomic => "sleeping-in-atomic",
            Self::HungTask => "hung-task",
            Self::SoftLockup => "soft-lockup",
            Self::HardLockup => "hard-lockup",
            Self::WorkqueueLockup => "workqueue-lockup",
            Self::CsdLock => "csd-lock",
            Self::DoubleCallRcu => "double-call-rcu",
            Self::UseAfterFree => "use-after-free",
            Self::LockLeak => "lock-leak",
            Self::PageAllocationFailure => "page-allocation-failure",
            Self::Oom => "oom",
        }
    }

    /// Returns whether this kind reports a grace period that does not end.
    pub fn is_stall(self) -> bool {
        matches!(
            self,
            Self::RcuCpuStall | Self::RcuExpeditedStall | Self::RcuTasksStall
        )
    }
}

impl std::fmt::Display for EventKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names_equal_json_names() {
        for kind in EventKind::ALL {
            let json = serde_json::to_value(kind).expect("a name");
            assert_eq!(json, kind.name());
        }
    }
}
