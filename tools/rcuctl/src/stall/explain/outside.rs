// SPDX-License-Identifier: GPL-2.0

//! What comes over a machine from the outside.

use super::Explanation;

pub(super) const ALL: &[Explanation] = &[Explanation {
    kind: "frozen_vm",
    title: "a virtual machine was stopped while a grace period was under way",
    kernel_says: &[
        "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
        "rcu:   (detected by 0, t=2509 jiffies, g=… q=… ncpus=…)",
        "rcu: All QSes seen, last rcu_preempt kthread activity 2509 …",
        "rcu: rcu_preempt kthread starved for 2509 jiffies! …",
    ],
    cause: "\
The host stopped the guest, or gave its CPUs to others for long: a pause, a migration, a snapshot, a host that is \
short of CPU or swaps. The guest's clock went on. When it runs again, the grace period looks as old as the pause, \
and CPUs have had no time to say anything.",
    code: "\
virsh suspend guest; sleep 60; virsh resume guest",
    fix: &[
        "None in the guest: no code is to blame there.",
        "On the host: no overcommitted CPUs for this guest, shorter pauses, memory that is not swapped out.",
        "Have the host tell the guest: KVM's paused flag (kvmclock), by which the guest's kernel leaves the \
         report out.",
    ],
    look_at: "\
`t=` of the first report is far beyond the time-out, where a stall is told of just after it. It is as long as the \
kthread is said to be starved, as all stood still at once, and the log has a gap of that length before it. Whatever \
the stacks show is innocent. Then things go on, and no second report comes. On the host, see what happened at that \
time; in the guest, steal time (st in top) shows a host that is short of CPU.",
    needs: "\
CONFIG_RCU_STALL_COMMON, a clock that goes on meanwhile, and a pause beyond rcupdate.rcu_cpu_stall_timeout.",
    provoke: "scripts/freeze-vm     on the host, in the project's folder",
}];
