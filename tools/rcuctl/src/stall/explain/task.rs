// SPDX-License-Identifier: GPL-2.0

//! Tasks that hold up a grace period without having a CPU.

use super::Explanation;

pub(super) const ALL: &[Explanation] = &[
    Explanation {
        kind: "task_preempted",
        title: "a reader was preempted, and a real-time thread keeps its CPU",
        kernel_says: &[
            "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
            "rcu:   Tasks blocked on level-0 rcu_node (CPUs 0-1): P1072/1:b..l",
        ],
        cause: "\
Preemptible RCU lets readers be preempted, and waits for them by name. The reader could run (`state:R`), but a \
thread of a higher priority has its CPU and does not let go. All CPUs have passed through quiescent states \
meanwhile.",
        code: "\
rcu_read_lock();
list_for_each_entry_rcu(entry, &list, node)
        check(entry);                   /* preempted here … */
rcu_read_unlock();

/* … by this one, at SCHED_FIFO, on the same CPU: */
while (!kthread_should_stop())
        poll_device(dev);               /* never sleeps */",
        fix: &[
            "Have real-time threads block, or sleep from time to time; leave kernel.sched_rt_runtime_us at its \
             default, which keeps them from taking a CPU entirely.",
            "Give a thread that must poll a CPU of its own (isolcpus, cpusets), with nothing else on it.",
            "CONFIG_RCU_BOOST lends the reader a priority, rcutree.kthread_prio, which must be above that of the \
             thread that polls.",
        ],
        look_at: "\
`state:R` of the listed task, and its stack: where it was preempted is as good a place as any other. The culprit is \
not in the report: it is what runs on the task's CPU, which `echo l > /proc/sysrq-trigger` shows. If the task is \
there itself in other reports, its reader is a long loop.",
        needs: "CONFIG_PREEMPT_RCU; without it a reader is not preempted. Time-out: rcupdate.rcu_cpu_stall_timeout.",
        provoke: "rcuctl stall run task_preempted",
    },
    Explanation {
        kind: "task_blocked",
        title: "a reader sleeps, and goes on doing so",
        kernel_says: &[
            "Voluntary context switch within RCU read-side critical section!",
            "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
            "rcu:   Tasks blocked on level-0 rcu_node (CPUs 0-1): P1168/1:b..l",
        ],
        cause: "\
A reader called something that sleeps. Preemptible RCU waits for it by name until it has got to its \
rcu_read_unlock(), which may be never, as where it waits for someone who waits for the grace period.",
        code: "\
rcu_read_lock();
dev = rcu_dereference(slot->dev);
mutex_lock(&dev->lock);                 /* sleeps for as long as the holder has it */
dev_update(dev);
mutex_unlock(&dev->lock);
rcu_read_unlock();",
        fix: &[
            "Take a reference in the reader (kref_get_unless_zero()), end the reader, then sleep.",
            "If readers have to sleep, use SRCU.",
        ],
        look_at: "\
`state:` of the listed task, D, S or I: it sleeps, and its stack says in what. The warning on the voluntary context \
switch comes at once, long before the stall, but only the first time after boot.",
        needs: "\
CONFIG_PREEMPT_RCU. Elsewhere the sleep ends what RCU takes for a reader: nothing is said, and what the reader holds \
may be freed under it. Time-out: rcupdate.rcu_cpu_stall_timeout.",
        provoke: "rcuctl stall run task_blocked",
    },
    Explanation {
        kind: "tasks",
        title: "a thread never gives up its CPU by itself, which RCU tasks wait for",
        kernel_says: &[
            "INFO: rcu_tasks detected stalls on tasks:",
            "00000000…: .. nvcsw: 1/1 holdout: 1 idle_cpu: -1/1",
        ],
        cause: "\
RCU tasks waits until each task has switched voluntarily, or been in user mode: then none is on a trampoline that is \
to be freed. Being preempted does not count, as it may have happened on the trampoline. Who waits: ftrace, BPF and \
kprobes, when they take back what they had patched in.",
        code: "\
static int scan_thread(void *unused)
{
        while (!kthread_should_stop())
                scan_next_page();       /* preempted often, but never sleeps */
        return 0;
}",
        fix: &[
            "Call cond_resched_tasks_rcu_qs() in loops of threads that may run for seconds.",
            "Have the thread sleep when there is nothing to be done.",
        ],
        look_at: "\
`nvcsw:` both numbers are the same, so the task has not switched voluntarily since. The mark `N` says that its CPU \
is one of nohz_full. The stack says where it was.",
        needs: "\
CONFIG_TASKS_RCU, which tracing and preemption together bring. Time-out: rcupdate.rcu_task_stall_timeout, in \
jiffies, 10 minutes unless set; a notice comes after 10 s (rcu_task_stall_info).",
        provoke: "rcuctl stall run tasks",
    },
];
