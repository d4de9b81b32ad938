#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest: the tests of the RCU library, modules that unload with callbacks in flight, and
# the samples. Prints TAP. Needs beside it: helpers.sh, tap.sh and the modules of tests/modules and
# samples.
#
# LIBRARY=kernel: the modules use the kernel's copy of the library; see docs/upstream.md.
# shellcheck source=tests/guest/helpers.sh
. ./helpers.sh
LIBRARY=${LIBRARY:-module}

# log_of MODULE: prints the lines that MODULE has logged.
log_of() { dmesg | sed -n "s/^.*\] $1: //p"; }

tap_check 'the tests of the library load' insmod rcu_test.ko
log_of rcu_test >rcu_test.tap
grep -v '^1\.\.' rcu_test.tap
plan=$(sed -n 's/^1\.\.//p' rcu_test.tap)
tap_check 'the tests of the library ran to the end' \
    test "$(grep -c '^ok\|^not ok' rcu_test.tap)" = "$plan"
tap_check 'the tests of the library unload' rmmod rcu_test

# The last line of a module has the number of reclaimed objects and of queued objects.
all_reclaimed() {
    log_of "$1" | tail -n 1 | grep -E '^reclaimed ([0-9]+) of \1$' || { log_of "$1"; return 1; }
}
had_in_flight() {
    log_of "$1" | sed -n 's/ in flight$//p' | sort -n | tail -n 1 | grep -qE '^[0-9]{5,}$' || { log_of "$1"; return 1; }
}
tap_check 'a module with callbacks loads' insmod drain_ok.ko
tap_check 'a module with callbacks unloads' rmmod drain_ok
tap_check 'a module with callbacks unloads with 10,000 of them in flight' had_in_flight drain_ok
tap_check 'a module with callbacks unloads after all of them have run' all_reclaimed drain_ok
for step in 1 2 3; do
    tap_check "a module whose init fails after step $step does not load" \
        not insmod drain_fails_$step.ko
    tap_check "init fails after step $step with 10,000 callbacks in flight" \
        had_in_flight drain_fails_$step
    tap_check "init fails after step $step: the module unloads after all callbacks have run" \
        all_reclaimed drain_fails_$step
done

leaks_logged() { test "$(log_of drain_missing | grep -c 'in a module without drains: the object is leaked')" = 3; }
nothing_reclaimed() { test "$(log_of drain_missing | grep -c 'reclaimed, though')" = 0; }
all_three_reclaimed() { test "$(log_of drain_missing | grep -c 'reclaimed, though nothing waits')" = 3; }
tap_check 'a module without a drain loads' insmod drain_missing.ko
[ "$LIBRARY" = kernel ] ||
    tap_check 'objects retired without a drain are leaked, and the log names each' leaks_logged
tap_check 'a module without a drain unloads' rmmod drain_missing
if [ "$LIBRARY" = kernel ]; then
    tap_check "the kernel's module! waits for the callbacks of a module without a drain" all_three_reclaimed
else
    sleep 1
    tap_check 'no callback ran after the module without a drain was unloaded' nothing_reclaimed
fi

tap_check 'a module whose domain is in a static loads' insmod srcu_static.ko
tap_check 'a module whose domain is in a static unloads' rmmod srcu_static
tap_check 'it unloads after 3,000 callbacks of that domain have run' \
    log_has 'srcu_static: reclaimed 3000 of 3000'
tap_check 'a module without a drain, with a domain, loads' insmod srcu_no_drain.ko
tap_check 'a module without a drain, with a domain, unloads' rmmod srcu_no_drain
if [ "$LIBRARY" = kernel ]; then
    tap_check "the kernel's module! waits for the callbacks of SRCU of a module without a drain" \
        log_has 'srcu_no_drain: reclaimed 3000 of 3000'
else
    tap_check 'callbacks of SRCU without a drain leak their objects, and the log says so' \
        log_has 'srcu::Counted in a module without drains: the object is leaked'
fi
all_dropped() {
    log_of unload_chain | grep -E '^dropped ([0-9]{4,}) of \1$' || { log_of unload_chain; return 1; }
}
tap_check 'a module whose destructors retire objects loads' insmod unload_chain.ko
tap_check 'a module whose destructors retire objects unloads' rmmod unload_chain
tap_check 'it unloads after all destructors of callbacks, of SRCU and of works' all_dropped
tap_check 'a module has one value that opens its drains' \
    test "$(log_of unload_chain | grep -c 'two values')" = 0
tap_check 'a module with threads that nobody joins loads' insmod thread_static.ko
tap_check 'a module with threads that nobody joins unloads' rmmod thread_static
tap_check 'it unloads after its threads have ended' \
    log_has 'thread_static: 2 of 2 threads have ended'
tap_check 'asking outside of a kernel thread whether it should stop loads' \
    insmod stop_outside_thread.ko
tap_check 'insmod should not stop' log_has 'stop_outside_thread: insmod should stop: false'
tap_check 'a thread that nothing waits for does not start, and the log says why' \
    log_has 'kthread: "no_drain" is not started, because the module does not wait for threads'
tap_check '1,000 refused threads fill one line of the log' \
    test "$(log_of stop_outside_thread | grep -c 'is not started')" = 1
tap_check 'no thread starts that nothing waits for' \
    test "$(log_of stop_outside_thread | grep -c 'a thread started')" = 0
rmmod stop_outside_thread
sleep 1

for sample in rcu_config rcu_list; do
    tap_check "the sample $sample loads" insmod $sample.ko
    tap_check "the sample $sample unloads" rmmod $sample
done
tap_check 'a reader of the sample rcu_config finds the second update' \
    test "$(log_of rcu_config)" = 'limit: Some(20)'
tap_check 'a reader of the sample rcu_list finds the server that was not removed' \
    test "$(log_of rcu_list | tr '\n' ';')" = 'server 1: None;server 2: Some(20);'

# sample_logs MODULE LINES: checks that the sample loads, unloads, and has logged LINES, which end
# with a semicolon each.
sample_logs() {
    tap_check "the sample $1 loads" insmod "$1.ko"
    tap_check "the sample $1 unloads" rmmod "$1"
    tap_check "the sample $1 has logged what it found" \
        test "$(log_of "$1" | grep -v taint | tr '\n' ';')" = "$2"
}
sample_logs rcu_arc_cache \
    'session 1 of root kept, cached: false;session 1 freed;session 2 freed;'
sample_logs rcu_xarray \
    'buffer 3 has 2 users;buffer 3 is gone: true;buffer 3 freed;buffer 4 freed;'
sample_logs rcu_irq_table \
    'interrupt: port 22 blocked: true;interrupt: port 23 blocked: true;3 changes;'
sample_logs rcu_processes \
    '1 init;3 cat;2 sh kept;2 freed;1 freed;3 freed;'
sample_logs rcu_dcache \
    'inode 3 mode 644;shadow is absent: true;valid without a change: true;valid after a change: false;hosts is absent: true;'
sample_logs rcu_rx_handler \
    'without a handler: Pass;handler of bond freed after 0 packets;second handler refused: true;other protocol: Pass;its protocol: Consumed;handler of bridge freed after 1 packets;unregistered after Some(1) packets;after it: Pass;'
tap_end
