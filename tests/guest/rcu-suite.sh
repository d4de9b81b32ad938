#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest: the RCU library's own tests, modules that are unloaded with callbacks in flight,
# and the sample. Prints TAP. Expects beside it: helpers.sh, tap.sh and the modules of tests/modules and samples.
# shellcheck source=tests/guest/helpers.sh
. ./helpers.sh

# What a module has logged.
log_of() { dmesg | sed -n "s/^.*\] $1: //p"; }

# The library's tests print TAP of their own: each of their lines counts.
tap_check 'the tests of the library load' insmod rcu_test.ko
log_of rcu_test >rcu_test.tap
grep -v '^1\.\.' rcu_test.tap
plan=$(sed -n 's/^1\.\.//p' rcu_test.tap)
tap_check 'the tests of the library ran to their end' test "$(grep -c '^ok\|^not ok' rcu_test.tap)" = "$plan"
tap_check 'and unload' rmmod rcu_test

# The last line that a module has logged says that all it queued was reclaimed, and how much that was.
all_reclaimed() {
    log_of "$1" | tail -n 1 | grep -E '^reclaimed ([0-9]+) of \1$' || { log_of "$1"; return 1; }
}
had_in_flight() {
    log_of "$1" | sed -n 's/ in flight$//p' | sort -n | tail -n 1 | grep -qE '^[0-9]{5,}$' || { log_of "$1"; return 1; }
}
tap_check 'a module with callbacks loads' insmod drain_ok.ko
tap_check 'and unloads' rmmod drain_ok
tap_check 'with 10,000 callbacks in flight' had_in_flight drain_ok
tap_check 'after which all of them have run' all_reclaimed drain_ok
for step in 1 2 3; do
    tap_check "init fails after step $step" not insmod drain_fails_$step.ko
    tap_check 'with 10,000 callbacks in flight' had_in_flight drain_fails_$step
    tap_check 'after which all of them have run' all_reclaimed drain_fails_$step
done

leaks_logged() { test "$(log_of drain_missing | grep -c 'without a CallbackDrain: the object is leaked')" = 3; }
nothing_reclaimed() { test "$(log_of drain_missing | grep -c 'reclaimed, though')" = 0; }
tap_check 'a module without a drain loads' insmod drain_missing.ko
tap_check 'its objects are leaked, and it is told so' leaks_logged
tap_check 'and it unloads' rmmod drain_missing
sleep 1
tap_check 'and no callback of it was called' nothing_reclaimed

tap_check 'the sample loads' insmod rcu_config.ko
tap_check 'and unloads' rmmod rcu_config
tap_check 'and has seen its updates' test "$(log_of rcu_config | tr '\n' ';')" = '10 ms, version 1;20 ms, version 2;'
tap_end
