// SPDX-License-Identifier: GPL-2.0

//! Updaters that hang.

use super::Explanation;

pub(super) const ALL: &[Explanation] = &[
    Explanation {
        kind: "hung_updater",
        title: "an updater waits for readers under its lock, and others for the lock",
        kernel_says: &[
            "INFO: task stall_updater:1635 blocked for more than 5 seconds.",
            "task:stall_updater state:D …",
        ],
        cause: "\
One updater is in synchronize_rcu() behind a long reader, and has the updaters' mutex; the next one waits for the \
mutex. All of them are victims. If the reader itself needs the mutex, nobody ever gets on.",
        code: "\
mutex_lock(&config_mutex);
old = rcu_replace_pointer(config, new, lockdep_is_held(&config_mutex));
synchronize_rcu();                      /* all other updaters wait for as long */
mutex_unlock(&config_mutex);
kfree(old);",
        fix: &[
            "Wait after the unlock, or not at all: kfree_rcu().",
            "Mend the reader: its stall is reported beside, and earlier if its time-out is shorter.",
        ],
        look_at: "\
What each task waits in: the one in synchronize_rcu() holds what the others want, so begin there. Then an RCU stall \
in the same log: its culprit is the real one. `Showing all locks held` lists who has the mutex, and who is in a \
reader.",
        needs: "\
CONFIG_DETECT_HUNG_TASK; CONFIG_LOCKDEP for the list of locks. Time-out: /proc/sys/kernel/hung_task_timeout_secs, \
120 s; the kernel looks as often, so it may take twice as long. It tells of hung_task_warnings tasks, 10, and is \
silent then.",
        provoke: "rcuctl stall run hung_updater",
    },
    Explanation {
        kind: "srcu_stuck",
        title: "a reader of SRCU sleeps, and an updater waits for it",
        kernel_says: &[
            "INFO: task stall_updater:1822 blocked for more than 5 seconds.",
            "__synchronize_srcu+…",
        ],
        cause: "\
Readers of SRCU may sleep, and SRCU reports no stalls: it cannot know what is too long, nor who its readers are. \
Only those who wait are found, by the watch on hung tasks.",
        code: "\
idx = srcu_read_lock(&dev->srcu);
wait_event(dev->queue, dev->done);      /* allowed, and waits for the removal … */
srcu_read_unlock(&dev->srcu, idx);

/* … which waits for it: */
synchronize_srcu(&dev->srcu);
dev->done = true;
wake_up_all(&dev->queue);",
        fix: &[
            "Tell readers to end before waiting for them: set the flag, wake them, then synchronize_srcu().",
            "Wait in readers with a time-out.",
        ],
        look_at: "\
The function that called synchronize_srcu(): it tells which srcu_struct. With lockdep, `Showing all locks held` has \
the reader: a lock of that name, `.+.+`, and the function after `at:`. Without it, look for tasks that sleep in a \
function that takes this srcu_struct.",
        needs: "\
CONFIG_DETECT_HUNG_TASK; CONFIG_LOCKDEP to see the reader. Time-out: /proc/sys/kernel/hung_task_timeout_secs, 120 s.",
        provoke: "rcuctl stall run srcu_stuck",
    },
];
