#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest: misuse of the RCU library that the kernel survives. Lockdep turns itself off,
# so this must be the last suite of a boot. Prints TAP. Needs beside it: helpers.sh, tap.sh and the
# modules of tests/modules.
# shellcheck source=tests/guest/helpers.sh
. ./helpers.sh

if [ -e wait_in_reader.ko ]; then
    insmod wait_in_reader.ko
    calls='rcu::synchronize rcu::synchronize_expedited GracePeriod::wait GracePeriod::wait_expedited
        FullGracePeriod::wait rcu::barrier Srcu::synchronize UpdaterLock::lock CallbackDrain::new
        Srcu::new Retired::kvfree_rcu_mightsleep'
    for call in $calls; do
        tap_check "the log names $call() called inside a reader" \
            log_has "wait_in_reader: $call() inside an RCU read-side critical section, at "
    done
    begun=$(dmesg | sed -n 's/^.*wait_in_reader: \(.*\) calls have begun$/\1/p')
    blocked() { test "$(dmesg | grep -c 'inside an RCU read-side critical section, at ')" = "$begun"; }
    tap_check "each of $begun calls is blocked, also that of the holder of a spin lock" blocked
    tap_check 'no wait inside a reader returns, nor any object' \
        log_has 'wait_in_reader: 0 calls have returned'
    insmod overlap_leaked.ko
    tap_check 'the kernel reports a spin lock that insmod leaked' \
        log_has 'returned with preemption imbalance'
else
    insmod guard_leaked.ko && rmmod guard_leaked
    tap_check 'grace periods continue after the task that leaked a guard has ended' \
        log_has 'guard_leaked: a grace period has passed since'
fi
tap_end
