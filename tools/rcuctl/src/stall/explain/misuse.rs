// SPDX-License-Identifier: GPL-2.0

//! What is forbidden.

use super::Explanation;

pub(super) const ALL: &[Explanation] = &[
    Explanation {
        kind: "sleep_in_reader",
        title: "a reader gives up the CPU by itself",
        kernel_says: &[
            "Voluntary context switch within RCU read-side critical section!",
            "WARNING: CPU: 1 PID: 1415 at kernel/rcu/tree_plugin.h:… rcu_note_context_switch+…",
        ],
        cause: "\
Something between rcu_read_lock() and rcu_read_unlock() called schedule(). Here nothing stalls: the sleep was short. \
But each grace period waits for it, and where the kernel is not preemptible none does, so that memory is freed under \
the reader.",
        code: "\
rcu_read_lock();
route = rcu_dereference(table->routes[i]);
copy = kmemdup(route, sizeof(*route), GFP_KERNEL);      /* may wait for memory */
rcu_read_unlock();",
        fix: &[
            "Allocate before the reader, or with GFP_ATOMIC and a plan for failure.",
            "Copy what is needed, or take a reference; sleep after rcu_read_unlock(). Or use SRCU.",
        ],
        look_at: "\
The stack below schedule(): the first function that is not the scheduler's is what sleeps, its caller is the reader. \
If no reader is to be seen there, an rcu_read_unlock() is missing earlier.",
        needs: "\
CONFIG_PREEMPT_RCU. It is said once after boot, then again after `echo 1 > /sys/kernel/debug/clear_warn_once`.",
        provoke: "rcuctl stall run sleep_in_reader",
    },
    Explanation {
        kind: "might_sleep",
        title: "a reader calls what may sleep, whether or not it does",
        kernel_says: &[
            "BUG: sleeping function called from invalid context at …",
            "in_atomic(): 0, irqs_disabled(): 0, non_block: 0, pid: 1459, name: stall_reader",
            "preempt_count: 0, expected: 0",
            "RCU nest depth: 1, expected: 0",
        ],
        cause: "\
Functions that may sleep begin with might_sleep(), which looks where it is called. It finds the mistake on each \
call, and not only on the rare one that has to wait.",
        code: "\
rcu_read_lock();
list_for_each_entry_rcu(entry, &list, node)
        if (copy_to_user(to++, &entry->stats, sizeof(entry->stats))) /* may fault */
                break;
rcu_read_unlock();",
        fix: &[
            "Collect in the reader into memory of your own, copy after it.",
            "Or use SRCU, or a mutex that keeps the list as it is.",
        ],
        look_at: "\
Which of the numbers differs from what was expected: `RCU nest depth` is a reader, `preempt_count` a spin lock or \
disabled preemption, `irqs_disabled` interrupts. Then the first function of the stack that is yours.",
        needs: "\
CONFIG_DEBUG_ATOMIC_SLEEP; the line on the nest depth needs CONFIG_PREEMPT_RCU too. At most one a second.",
        provoke: "rcuctl stall run might_sleep",
    },
    Explanation {
        kind: "illegal_synchronize",
        title: "a reader waits for readers, itself among them",
        kernel_says: &[
            "WARNING: suspicious RCU usage",
            "kernel/rcu/tree.c:… Illegal synchronize_rcu() in RCU read-side critical section!",
        ],
        cause: "\
synchronize_rcu() returns when all readers are done that were there when it was called. Called inside of one it \
waits for its own caller, for ever. Mostly the wait hides some calls further down.",
        code: "\
static void entry_remove(struct entry *entry)
{
        list_del_rcu(&entry->node);
        synchronize_rcu();              /* waits for all readers … */
        kfree(entry);
}

rcu_read_lock();
list_for_each_entry_rcu(entry, &list, node)
        if (expired(entry))
                entry_remove(entry);    /* … of which this is one */
rcu_read_unlock();",
        fix: &[
            "Do not wait there: kfree_rcu(entry, rcu), or call_rcu().",
            "Or walk the list under the updater's lock, which is no reader, and needs no rcu_read_lock().",
        ],
        look_at: "\
The locks held: `rcu_read_lock`, and the function that took it. Then the function above synchronize_rcu() in the \
stack.",
        needs: "\
CONFIG_PROVE_RCU. Without it preemptible kernels hang there, with a stall that names the task; on others the wait \
ends as if there were no reader, and is worth nothing. Lockdep tells of each place once. The lab takes the lock for \
lockdep's eyes only, so it does not hang.",
        provoke: "rcuctl stall run illegal_synchronize",
    },
    Explanation {
        kind: "double_call_rcu",
        title: "one object is given to call_rcu() twice",
        kernel_says: &[
            "ODEBUG: activate active (active state 1) object: … object type: rcu_head hint: …",
            "rcu: __call_rcu_common(): Double-freed CB …!!!",
        ],
        cause: "\
call_rcu() links the object into a list by its rcu_head. A second call while the first is pending breaks that list: \
callbacks are lost, or run twice, and the object is freed twice. Debug objects notice the second call; the object is \
then not freed at all.",
        code: "\
/* The timer and the user's request remove the same entry: */
if (!entry->dead) {                     /* both see it alive */
        entry->dead = true;
        list_del_rcu(&entry->node);
        call_rcu(&entry->rcu, entry_free);
}",
        fix: &[
            "Decide under one lock who removes it, or by test_and_set_bit().",
            "In Rust, let the type do it: Retired::call_rcu() takes its object by value.",
        ],
        look_at: "\
The callback's name in `Double-freed CB`: it tells the type. The stack is that of the second call; where the first \
was, the tracepoint `rcu:rcu_callback` knows. The line on the slab tells who allocated it.",
        needs: "\
CONFIG_DEBUG_OBJECTS_RCU_HEAD. The line on the callback comes three times after boot at most, which is why the lab \
wants `--unsafe`.",
        provoke: "rcuctl stall run double_call_rcu --unsafe",
    },
    Explanation {
        kind: "use_after_free",
        title: "an object is freed without a grace period, under a reader",
        kernel_says: &[
            "BUG: KASAN: slab-use-after-free in …",
            "Read of size 8 at addr … by task stall_reader/100",
        ],
        cause: "\
The updater took the object out of the list and freed it at once. A reader that had found it before goes on using \
it.",
        code: "\
spin_lock(&list_lock);
list_del_rcu(&entry->node);
spin_unlock(&list_lock);
kfree(entry);                           /* kfree_rcu(entry, rcu), or synchronize_rcu() before */",
        fix: &[
            "kfree_rcu(), call_rcu(), or synchronize_rcu() between removing and freeing.",
            "If the reader had it longer than its critical section: take a reference inside, or make the section \
             longer.",
        ],
        look_at: "\
The three stacks: who used it, `Allocated by`, `Freed by`. If the stack of freeing has kfree() and no callback of \
RCU, the grace period is missing; if it has rcu_core(), the reader was too long, or no reader.",
        needs: "\
CONFIG_KASAN, which tells of the first one after boot only, unless booted with kasan_multi_shot. With `slab_debug=P` \
alone reads give `6b6b6b6b`, and writes are found later as `Poison overwritten`. The kernel is tainted afterwards: \
the lab wants `--unsafe`.",
        provoke: "rcuctl stall run use_after_free --unsafe",
    },
    Explanation {
        kind: "leaked_reader",
        title: "a critical section is begun, and never ended",
        kernel_says: &[
            "WARNING: stall_reader/97 still has locks held!",
            "WARNING: lock held when returning to user space!",
            "BUG: workqueue leaked atomic, lock or RCU: …",
        ],
        cause: "\
A path, mostly one of errors, leaves without rcu_read_unlock(). On preemptible kernels the task is a reader from \
then on, wherever it is: once it has been switched out no grace period ends before the task does. Elsewhere \
preemption stays off.",
        code: "\
rcu_read_lock();
dev = find_device(id);
if (!dev)
        return -ENODEV;                 /* rcu_read_unlock() is missing */
ret = dev_query(dev);
rcu_read_unlock();
return ret;",
        fix: &[
            "`guard(rcu)()` or `scoped_guard(rcu)` in C, a guard in Rust: they end the section on each path.",
            "In Rust do not `mem::forget()` a guard.",
        ],
        look_at: "\
The list of held locks: `rcu_read_lock`, and after `at:` the function that took it. All paths out of that function \
are suspects. The stack shows where it was noticed, which is later: at the end of a thread, of a system call, or of \
a work item.",
        needs: "\
CONFIG_LOCKDEP (CONFIG_PROVE_LOCKING). Lockdep goes off after this report until the next boot, which is why the lab \
wants `--unsafe`.",
        provoke: "rcuctl stall run leaked_reader --unsafe",
    },
];
