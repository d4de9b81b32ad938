// SPDX-License-Identifier: GPL-2.0

//! CPUs that do nothing else.

use super::Explanation;

pub(super) const ALL: &[Explanation] = &[
    Explanation {
        kind: "cpu_preempt_off",
        title: "a CPU loops in the kernel, in a reader or with preemption off",
        kernel_says: &[
            "rcu: INFO: rcu_preempt self-detected stall on CPU",
            "rcu:   1-....: (2000 ticks this GP) idle=… softirq=…/… fqs=…",
        ],
        cause: "\
A grace period waits until each CPU has passed through a quiescent state: a context switch, the idle loop, or user \
mode. A loop with preemption off passes through none, whether it is inside of rcu_read_lock() or not; on kernels \
without preemption each loop in the kernel is one. The clock still ticks, so the CPU finds out itself.",
        code: "\
spin_lock(&table->lock);                        /* preemption is off from here */
hlist_for_each_entry(flow, &table->flows, node) /* a million of them */
        if (flow_expired(flow))
                pr_info(\"flow %u expired\\n\", flow->id);  /* to a serial console */
spin_unlock(&table->lock);",
        fix: &[
            "Do a bounded part at a time: drop the lock, call cond_resched(), take it again, and go on where you \
             were.",
            "In a long reader call cond_resched_rcu() from time to time; what was found before it must be kept by \
             a reference, or looked up again.",
            "Do not print in loops, or use pr_info_ratelimited().",
        ],
        look_at: "\
The stack: its first function that is not of spinning, delaying, printing or interrupts. `ticks this GP` is about as \
large as `t=`: interrupts were on, so it is a loop and not a dead CPU.",
        needs: "\
CONFIG_RCU_STALL_COMMON, which each kernel for more than one CPU has. Time-out: rcupdate.rcu_cpu_stall_timeout, 21 s \
unless configured otherwise, and 5 s more with CONFIG_PROVE_RCU.",
        provoke: "rcuctl stall run cpu_preempt_off",
    },
    Explanation {
        kind: "cpu_bh_off",
        title: "a callback or another softirq loops, with bottom halves off",
        kernel_says: &[
            "rcu: INFO: rcu_preempt self-detected stall on CPU",
            "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
            "rcu: All QSes seen, last rcu_preempt kthread activity …",
            "rcu: rcu_preempt kthread starved for … jiffies! …",
        ],
        cause: "\
A softirq is not preempted by tasks: until it returns its CPU passes through no quiescent state. Other callbacks of \
that CPU wait behind it as well, and so does each thread that was to run there. If that is RCU's own kthread, no \
grace period ends anywhere.",
        code: "\
static void tree_free_rcu(struct rcu_head *head)        /* a callback: runs in a softirq */
{
        struct tree *tree = container_of(head, struct tree, rcu);
        struct node *node, *next;

        rbtree_postorder_for_each_entry_safe(node, next, &tree->root, rb)
                kfree(node);                            /* millions, at one go */
        kfree(tree);
}",
        fix: &[
            "Let a work item do what takes long: queue_rcu_work() instead of call_rcu(), with cond_resched() in \
             its loop.",
            "Give softirqs a budget, as NAPI has, and come back for the rest.",
        ],
        look_at: "\
The part of the stack between `<IRQ>` and `</IRQ>`: the function above rcu_core() or handle_softirqs(). The task \
below it, often swapper, was only interrupted. If the grace-period kthread was on that CPU, the second form comes, \
which names no CPU: the stack after `Stack dump where RCU GP kthread last ran` is the culprit's.",
        needs: "\
CONFIG_RCU_STALL_COMMON. Time-out: rcupdate.rcu_cpu_stall_timeout. On kernels with threaded callbacks (PREEMPT_RT, \
rcu_nocbs) such a callback loops in a thread, with bottom halves off.",
        provoke: "rcuctl stall run cpu_bh_off",
    },
    Explanation {
        kind: "cpu_irq_off",
        title: "a CPU loops with interrupts off, or in an interrupt's handler",
        kernel_says: &[
            "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
            "rcu:   1-...0: (0 ticks this GP) idle=… softirq=…/… fqs=…",
        ],
        cause: "\
The CPU takes no clock interrupt, so it cannot find out itself; another one does, two jiffies later. Half-way to the \
time-out RCU has sent it an interrupt, which it has not taken either: the fourth mark is a digit; or `!`, if RCU's \
kthread could not send it.",
        code: "\
spin_lock_irqsave(&dev->lock, flags);
dev->write(dev, START);
while (!(readl(dev->status) & DONE))    /* for ever, if the device has died */
        cpu_relax();
spin_unlock_irqrestore(&dev->lock, flags);",
        fix: &[
            "Wait with a bound: readl_poll_timeout_atomic(); and handle the device that does not answer.",
            "Wait where sleeping is possible: outside of the lock, with readl_poll_timeout(), a completion, or a \
             threaded interrupt handler.",
        ],
        look_at: "\
The backtrace that the other CPU asked for by an NMI. Where there are no NMIs, no stack comes, or one of the other \
CPU: then look for the hard-lockup report beside it. `(0 ticks this GP)` or `GPs behind` says that the clock stood \
still for this CPU.",
        needs: "\
CONFIG_RCU_STALL_COMMON, two CPUs, and CONFIG_IRQ_WORK for the fourth mark. Time-out: \
rcupdate.rcu_cpu_stall_timeout. With CONFIG_HARDLOCKUP_DETECTOR the watchdog is earlier: after 10 s.",
        provoke: "rcuctl stall run cpu_irq_off",
    },
];
