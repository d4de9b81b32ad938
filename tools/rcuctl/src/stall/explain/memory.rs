// SPDX-License-Identifier: GPL-2.0

//! Memory that waits for a grace period.

use super::Explanation;

pub(super) const ALL: &[Explanation] = &[
    Explanation {
        kind: "callback_flood",
        title: "an updater queues callbacks behind a long reader, and never waits",
        kernel_says: &[
            "rust_rcu_demo: stall: 1024 KiB await a grace period; the updater goes on",
        ],
        cause: "\
call_rcu() and kfree_rcu() cost the updater nothing, so nothing slows it down. What they are to free stays in use \
until the oldest reader is done. The faster the updater and the longer the reader, the more memory.",
        code: "\
/* A system call, which a user may make in a loop: */
new = kmemdup(options, sizeof(*options), GFP_KERNEL);
old = rcu_replace_pointer(sk->options, new, lockdep_sock_is_held(sk));
kfree_rcu(old, rcu);                    /* as many as there are calls in a grace period */",
        fix: &[
            "Bound it: count what awaits a grace period, and have the updater wait, as callback_flood_capped \
             does.",
            "Account the memory to who asks for it (GFP_KERNEL_ACCOUNT), so that their limit stops them.",
            "Prefer kfree_rcu() to call_rcu(kfree): it frees in bulk, and earlier when memory is short.",
        ],
        look_at: "\
`q=` of a stall's report: callbacks that wait on all CPUs. Without a stall: `Slab` in /proc/meminfo, which grows and \
falls back in steps, and /proc/slabinfo for what it is. rcutree.qhimark (10,000 on a CPU) is where RCU begins to \
hurry.",
        needs: "Nothing. The kernel has no words for it: the line is the module's own.",
        provoke: "rcuctl stall run callback_flood",
    },
    Explanation {
        kind: "callback_flood_capped",
        title: "an updater queues callbacks behind a long reader, and waits if they are many",
        kernel_says: &[
            "rust_rcu_demo: stall: 1024 KiB await a grace period; the updater waits as well",
        ],
        cause: "\
The same reader and the same updater, which looks at how much it has retired: from 1 MiB on it calls \
synchronize_rcu() itself. Memory stays as it is for as long as the reader lasts; what suffers is who asks for \
updates. This is the cure, to compare with.",
        code: "\
let retired = slot.replace(new);        // under the updater's lock
match self.retired_kb() < MAX_KB {
    true => retired.call_rcu(),
    // The updater pays: it waits for the reader that holds up the memory.
    false => drop(retired.synchronize()),
}",
        fix: &[
            "None is needed. Choose the bound so that an ordinary grace period, some tens of milliseconds, does \
             not reach it.",
            "See that readers never wait for the updater: then both would wait for ever.",
        ],
        look_at: "\
Hung updaters in synchronize_rcu() instead of missing memory: victims of the long reader, see hung_updater. The \
route table of this module counts in retired_bytes, and waits from reclaim_max_kb on.",
        needs: "Nothing. The kernel has no words for it: the line is the module's own.",
        provoke: "rcuctl stall run callback_flood_capped",
    },
    Explanation {
        kind: "memory_exhausted",
        title: "memory runs out behind a long reader, and the OOM killer comes",
        kernel_says: &[
            "stall_updater invoked oom-killer: gfp_mask=…, order=…, oom_score_adj=…",
            "Mem-Info:",
            "Out of memory: Killed process … (…) total-vm:… anon-rss:…",
        ],
        cause: "\
A callback flood that nobody stopped. All that was retired waits for one reader; the OOM killer ends processes, \
which do not have the memory. It comes back only when the reader is done.",
        code: "\
/* Updates come as fast as the network is: */
while (kernel_recvmsg(sock, &msg, &vec, 1, sizeof(update), 0) > 0) {
        old = table_replace(table, &update);
        call_rcu(&old->rcu, route_free);
}",
        fix: &[
            "Mend the reader: look for a stall's report before that of the OOM killer.",
            "Bound what may await a grace period, as for callback_flood.",
        ],
        look_at: "\
The sum of what the report lists: all processes of the table together have little, so memory is the kernel's own. \
Either slab_unreclaimable has it, and `Unreclaimable slab info` says in which cache; or no line does, as with large \
objects, which are plain pages. The process that was killed is a victim.",
        needs: "\
Nothing; the kernel always tells. The lab really ends a process, so it wants `--unsafe`: rcuctl offers one of its \
own.",
        provoke: "rcuctl stall run memory_exhausted --unsafe",
    },
];
