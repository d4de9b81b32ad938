#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest: the runs of `scale`. They are refused for invalid parameters, exclude each
# other, and end when stopped, when a CPU goes offline, when memory runs out, and when the module
# unloads. Prints TAP. Needs beside it: helpers.sh, rows.sh, tap.sh, routes.
#
# SCALE_SLOW=y, for a slow machine: fewer kinds, and no check of time and memory.
# shellcheck source=tests/guest/rows.sh
. ./rows.sh

slow=${SCALE_SLOW:-}
job=scale
cpus=$(nproc)
report=$parameters/scale

becomes_idle() { becomes state idle 60; }
ends_with() { becomes_idle && reports result "$1"; }
measures() { set_parameter scale "$1\n" && ends_with 'done'; }
table_is() { rcuctl route show --long >shown && cmp shown "$1"; }

tap_check 'insmod refuses an unknown kind' \
    fails_with 'Invalid parameters' insmod "$module" scale=fast
tap_check 'insmod with an unknown kind: the log has the valid kinds' \
    log_has 'parameter scale: expected none, read, lookup, update or gp, found "fast"'
insmod "$module" && rmmod rust_rcu_demo
slab=$(slab_kib)
tap_check 'insmod succeeds' insmod "$module"
tap_check 'before the first run there are 0 runs' reports runs 0
tap_check 'before the first run there is no result' reports result none
tap_check 'before the first run there is no thread' no_threads
tap_check 'rcuctl scale --status says that there was no run' \
    sh -c 'rcuctl scale --status | grep "^no scale run"'

before=$(settings)
refuses 'Invalid argument' scale everything 'none, read, lookup, update or gp'
refuses 'out of range' scale_nreaders -2 'a number from -1 to 512'
refuses 'out of range' scale_nreaders 513 'a number from -1 to 512'
refuses 'out of range' scale_loops 67108865 'a number from 0 to 67108864'
refuses 'Invalid argument' scale_loops many 'a number from 0 to 67108864'
refuses 'out of range' scale_nruns 0 'a number from 1 to 1000'
refuses 'Invalid argument' scale_family ipv4 'both, inet or inet6'
refuses 'Invalid argument' scale_writer slow 'none, paced or full'
refuses 'out of range' scale_seed 4294967296 'a number from 0 to 4294967295'
tap_check 'refused values change no parameter' settings_are "$before"
tap_check 'a refused kind starts no run' reports runs 0

# Some routes of both families, which updates need.
awk -v "every=$(($(wc -l <routes) / 2000 + 1))" 'NR % every == 1 || every == 1' routes >some
rcuctl route load some

passes=16384
[ -z "$slow" ] || passes=4096
set_parameter scale_nruns '1000\n'
number=$(report runs)
for kind in read lookup update gp; do
    case $kind in
        read | lookup) set_parameter scale_loops "$passes\n" ;;
        *) set_parameter scale_loops '250\n' ;;
    esac
    tap_check "$kind: a long run starts" set_parameter scale "$kind\n"
    sleep 0.3
    tap_check "$kind: a long run is running" reports state running
    if [ $kind = read ]; then
        check_exclusion gp none scale gp --runs 1
        tap_check 'rcuctl scale --status prints the run' \
            sh -c 'rcuctl scale --status | grep "^read: active, "'
    fi
    tap_check "$kind: a long run can be stopped" set_parameter scale 'none\n'
    tap_check "$kind: a stopped run ends" ends_with stopped
    tap_check "$kind: a stopped run has not completed" test "$(report passed)" -lt 1000
done
tap_check 'stopped updates leave the table unchanged' table_is some
tap_check 'each start counts as a run' reports runs $((number + 4))

# A user deletes every other route, and changes the others, while a run changes routes.
awk 'NR % 2 { sub(/via .*/, /:/ ? "via 2001:db8::9" : "via 192.0.2.9"); print }' some >changed
keeps_changes_of_users() {
    set_parameter scale "$1\n" && within 60 changes_are_measured "$1" &&
        rcuctl route load --replace changed && reports state running &&
        set_parameter scale 'none\n' && ends_with stopped && table_is changed
    status=$?
    rcuctl route load --replace some
    return $status
}
# changes_are_measured KIND: the run has changed routes.
changes_are_measured() {
    case $1 in
        lookup) grep -q ' changes=[1-9]' $report ;;
        *) grep -q '^row .* change=add ' $report ;;
    esac
}
tap_check 'update keeps what users change meanwhile' keeps_changes_of_users update
set_parameter scale_writer 'full\n'
set_parameter scale_loops "$passes\n"
tap_check 'lookup beside a writer keeps what users change meanwhile' keeps_changes_of_users lookup
set_parameter scale_writer 'none\n'

set_parameter scale_loops '67108864\n'
for kind in update gp; do
    tap_check "$kind is refused if its figures need too much memory" \
        fails_with 'Invalid argument' set_parameter scale "$kind\n"
    tap_check "$kind: the log has both parameters" \
        log_has "$kind keeps up to 1048576 figures of a row, but scale_loops=67108864 times scale_nruns=1000 is 67108864000"
done
set_parameter scale_loops '250\n'
tap_check 'another long run starts' set_parameter scale 'gp\n'
tap_check 'rcuctl scale --stop stops a run' sh -c 'rcuctl scale --stop | grep "^gp: stopped, "'
tap_check 'after rcuctl scale --stop the run has ended' reports state idle

# A stall holds one CPU for a second, so the reader of that CPU starts late. If the other readers
# did not wait for it, the time from the first start to the last end would include that second.
readers_wait_for_each_other() {
    set_parameter stall_hold_ms '1000\n' && set_parameter stall 'cpu_preempt_off\n' || return
    sleep 0.2
    measures read || return
    cat $report
    wall=$(sed -n "s/^row kind=rcu readers=$cpus .* wall=\([0-9]*\).*/\1/p" $report)
    test "$(report milliseconds)" -gt 500 && test "$wall" -lt $((200000000 / batch))
}
set_parameter scale_nruns '1\n'
set_parameter scale_loops "$passes\n"
if [ -z "$slow" ] && [ "$cpus" -gt 1 ]; then
    set_parameter scale_loops "$batch\n"
    tap_check 'readers wait for each other' readers_wait_for_each_other
    set_parameter scale_loops "$passes\n"
fi

# The reader of an offline CPU moves to another CPU and notices that, or a run finds too few CPUs.
online=/sys/devices/system/cpu/cpu1/online
ends_when_a_cpu_goes_offline() {
    set_parameter scale "$1\n" && sleep 0.3 && echo 0 >$online && ends_with 'failed 6 ENXIO: a CPU went offline'
    status=$?
    echo 1 >$online
    return $status
}
if [ -e $online ] && [ "$cpus" -gt 1 ]; then
    set_parameter scale_nruns '1000\n'
    for kind in read lookup; do
        tap_check "$kind fails with ENXIO when a CPU goes offline" \
            ends_when_a_cpu_goes_offline $kind
    done
    set_parameter scale_nruns '1\n'
else
    tap_skip 'a run fails with ENXIO when a CPU goes offline' 'no CPU can go offline'
fi

# Fault injection is enabled for a task, or for kthreadd, from which new kernel threads inherit it.
# These threads keep it, so no later test in this boot may let allocations fail.
failslab=/sys/kernel/debug/failslab
starts_or_fails() {
    number=$(report runs) started=0 refused=0
    exec 4>$report
    for nth in $(seq 12); do
        echo "$nth" >/proc/self/fail-nth
        if printf 'gp\n' >&4; then started=$((started + 1)); else refused=$((refused + 1)); fi 2>>errors
        echo 0 >/proc/self/fail-nth
        becomes_idle || return
    done
    exec 4>&-
    echo "$started started, $refused refused"
    test $refused -gt 2 && test $started -gt 0 && reports runs $((number + started)) && not grep -v 'annot allocate' errors
}
# ENOMEM, or the EAGAIN of copy_process() when it cannot allocate the data of a kernel thread.
has_no_memory() { case $(report result) in 'failed 12 '* | 'failed 11 '*) ;; *) false ;; esac; }
# completes_or_fails KIND PROBABILITY: at least one of five runs fails.
completes_or_fails() {
    failed=0
    echo Y >$failslab/task-filter
    echo 1 >/proc/2/make-it-fail
    echo "$2" >$failslab/probability
    for _ in $(seq 5); do
        set_parameter scale "$1\n" 2>/dev/null || { failed=$((failed + 1)); continue; }
        becomes_idle || break
        ! has_no_memory || failed=$((failed + 1))
        has_no_memory || reports result 'done' || break
    done
    echo 0 >$failslab/probability
    echo 0 >/proc/2/make-it-fail
    cat $report
    echo "$failed failed"
    reports state idle && { has_no_memory || reports result 'done'; } && test $failed -gt 0
}
grep -q ' /sys/kernel/debug ' /proc/mounts || mount -t debugfs none /sys/kernel/debug
if [ -e $failslab ]; then
    echo 0 >$failslab/verbose
    echo N >$failslab/ignore-gfp-wait
    echo -1 >$failslab/times
    : >errors
    set_parameter scale_loops '1\n'
    tap_check 'a start without memory succeeds or fails with ENOMEM' starts_or_fails
    set_parameter scale_loops '2\n'
    for kind in read lookup update gp; do
        tap_check "$kind without memory completes or fails with ENOMEM" completes_or_fails $kind 10
    done
    # A writer needs copies of the table.
    set_parameter scale_writer 'full\n'
    tap_check 'lookup beside a writer without memory completes or fails with ENOMEM' \
        completes_or_fails lookup 10
    set_parameter scale_writer 'none\n'
    tap_check 'runs without memory leave the table unchanged' table_is some
    tap_check 'a run with memory completes after runs without memory' measures gp
else
    tap_skip 'a start without memory succeeds or fails with ENOMEM' 'this kernel has no failslab'
fi

tap_check 'the table is flushed after runs' rcuctl route flush
tap_check 'runs leave no object behind' stat_is objects 0
tap_check 'rmmod succeeds after runs' rmmod rust_rcu_demo
tap_check 'rmmod leaves no thread' no_threads
tap_check 'insmod can start a run' insmod "$module" scale=gp scale_loops=2 scale_nruns=1
tap_check 'a run started by insmod completes' ends_with 'done'
rmmod rust_rcu_demo

start_with_routes() {
    insmod "$module" scale_nruns=200 && rcuctl route load some && set_parameter scale "$1\n"
}
kinds='read lookup update gp'
[ -z "$slow" ] || kinds='read update'
for kind in $kinds; do
    tap_check "$kind: rmmod during a run leaves no thread" unload_during start_with_routes "$kind"
done
# A table takes 600 KiB, and so do the buffers of a run. The allocator keeps a little; KASAN keeps
# more.
now=$(slab_kib)
[ -n "$slow" ] || tap_check "runs leak no memory (slab $slab KiB before, $now KiB after)" \
    test $((now - slab)) -lt 3072
tap_end
