// SPDX-License-Identifier: GPL-2.0

//! Grace periods that RCU itself cannot end, and those that are in a hurry.

use super::Explanation;

pub(super) const ALL: &[Explanation] = &[
    Explanation {
        kind: "gp_kthread_starved",
        title: "RCU's own thread does not run, or its timer does not come",
        kernel_says: &[
            "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
            "rcu: All QSes seen, last rcu_preempt kthread activity …",
            "rcu: rcu_preempt kthread timer wakeup didn't happen for … jiffies! …",
            "rcu: rcu_preempt kthread starved for … jiffies! g… f… RCU_GP_WAIT_FQS(5) ->state=… ->cpu=1",
        ],
        cause: "\
Grace periods are begun and ended by one kthread, rcu_preempt or rcu_sched, at an ordinary priority unless \
CONFIG_RCU_BOOST is on. If it is not given a CPU, or the timer that should wake it does not fire, none ends, though \
all readers are long gone. Callbacks pile up until memory is gone.",
        code: "\
/* User space, a copy pinned to each CPU: */
struct sched_param param = { .sched_priority = 99 };
sched_setscheduler(0, SCHED_FIFO, &param);
for (;;)
        if (poll(fds, n, 0) > 0)        /* 0: does not wait, ever */
                serve(fds, n);",
        fix: &[
            "Have real-time threads block; keep one CPU for the rest of the system, RCU's kthreads among it.",
            "rcutree.kthread_prio=N gives RCU's kthreads a real-time priority of their own.",
            "If the timer is to blame: look at what keeps its CPU from taking interrupts, at the clock event \
             driver, and in a virtual machine at the host.",
        ],
        look_at: "\
`->state=`: 0x0 or R, it could run and nobody lets it; 0x402 or I, it sleeps and is not woken. `->cpu=`: where it \
ran last; the stack after `Stack dump where RCU GP kthread last ran` shows who is there. `fqs=` is 0, or does not \
grow.",
        needs: "\
CONFIG_RCU_STALL_COMMON; the lab also wants CONFIG_RCU_TORTURE_TEST, whose hook puts the kthread to sleep. The \
kthread counts as starved 2 s after it last did anything; that is told only within a stall's report.",
        provoke: "rcuctl stall run gp_kthread_starved",
    },
    Explanation {
        kind: "expedited",
        title: "a reader holds up a grace period that is in a hurry",
        kernel_says: &[
            "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 1-.... } … jiffies s: …",
        ],
        cause: "\
synchronize_rcu_expedited() interrupts each CPU and asks for a quiescent state at once. A reader that is inside, a \
CPU with preemption or interrupts off, or a task that was preempted in a reader keeps it waiting. Its time-out may \
be far shorter than that of normal grace periods, so that readers are told of that nobody else minds.",
        code: "\
rcu_read_lock();
idr_for_each_entry(&ids, item, id)      /* a hundred thousand: 200 ms in one reader */
        item_update(item);
rcu_read_unlock();",
        fix: &[
            "Make the reader shorter, as for cpu_preempt_off.",
            "Ask for an expedited grace period only where someone waits for it: it costs all CPUs an interrupt.",
            "If such readers are right, raise rcupdate.rcu_exp_cpu_stall_timeout.",
        ],
        look_at: "\
What stands between the braces: `1-....` is a CPU, whose stack follows, `P1072` a task. `D` as fourth mark: the CPU \
was asked and owes its answer. `root:` which parts of the tree are waited for, `T` for tasks.",
        needs: "\
CONFIG_RCU_STALL_COMMON. Time-out: rcupdate.rcu_exp_cpu_stall_timeout in milliseconds, a quarter more with \
CONFIG_PROVE_RCU; 0, the default, stands for that of normal grace periods.",
        provoke: "rcuctl stall run expedited",
    },
];
