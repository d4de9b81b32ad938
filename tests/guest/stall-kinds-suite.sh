#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest: `rcuctl stall run` provokes each kind of stall that this kernel supports.
# Checks the kernel's report, the decoded kind and culprit, and that time-outs, settings and grace
# periods are as before. Prints TAP and a line "# seconds KIND N" for each kind: the time from its
# start to the kernel's first line. Needs beside it: helpers.sh, stalls.sh, tap.sh.
#
# Usage: stall-kinds-suite.sh [KIND...]
#
# Default: rcuctl itself and all kinds that leave the kernel fit. Other kinds must be named.
# shellcheck source=tests/guest/stalls.sh
. ./stalls.sh

HUNG_TASK_FILES='/proc/sys/kernel/hung_task_timeout_secs /proc/sys/kernel/hung_task_warnings'

all_timeouts() {
    for file in $HUNG_TASK_FILES $timeouts /sys/kernel/rcu_normal; do
        file=${file%%=*}
        [ ! -e "$file" ] || echo "$file=$(cat "$file")"
    done
}

# Prints the kind that the decoder must report; nothing for kinds without a kernel message.
decoded_kind() {
    case $1 in
        cpu_* | task_* | leaked_by_worker) echo rcu-cpu-stall ;;
        gp_kthread_*) echo rcu-kthread-starved ;;
        expedited) echo rcu-expedited-stall ;;
        tasks) echo rcu-tasks-stall ;;
        sleep_in_reader) echo voluntary-context-switch ;;
        might_sleep) echo sleeping-in-atomic ;;
        illegal_synchronize) echo suspicious-rcu-usage ;;
        hung_updater | srcu_stuck) echo hung-task ;;
        double_call_rcu) echo double-call-rcu ;;
        use_after_free) echo use-after-free ;;
        leaked_reader) echo lock-leak ;;
        memory_exhausted) echo oom ;;
    esac
}
# Prints the decoded event of that kind and no other event.
event() { sed 's/{"kind":/\n&/g' decoded | grep "^{\"kind\":\"$(decoded_kind "$kind")\""; }
# The event names the culprit: a thread by number and name, or its CPU.
names_culprit() {
    pid=$(report pid) comm=$(report comm) cpu=$(report cpu)
    case $kind-$comm in
        # Without lockdep the kernel knows only the thread that waits.
        srcu_stuck-* | hung_updater-*) by='"comm":"stall_updater"' ;;
        # The thread that asks for memory need not be the one that holds it.
        memory_exhausted-*) by='"name":"invoked by","value":"stall_updater"' ;;
        *-none) by="\"cpus\":[$cpu]" ;;
        # With PREEMPT_RT the report on the CPU names it, because the CPU's own kthread starves, too.
        gp_kthread_preempted-*)
            grep -E "\"$comm \(pid $pid\)\"|\"pid\":$pid,\"comm\":\"$comm\"" decoded || { cat decoded; return 1; }
            return
            ;;
        # The name of a worker has its pool, too.
        *-kworker) by="{\"pid\":$pid,\"comm\":\"kworker/" ;;
        *) by="{\"pid\":$pid,\"comm\":\"$comm\"" ;;
    esac
    event | grep -F "$by" || { echo "expected $by, found:"; cat decoded; return 1; }
}
result_has() { grep -F "\"$1\":$2" decoded || { cat decoded; return 1; }; }

# A busy host delays the guest's ticks and thereby RCU's report. So a kind that leaves the kernel
# fit gets three tries.
provoked() {
    for try in 1 2 3; do
        ! rcuctl stall run --json ${unsafe:+--unsafe} "$kind" >decoded 2>errors || return 0
        echo "try $try: status $?"
        cat decoded errors
        dmesg | tail -n 30
        [ -z "$unsafe" ] || break
    done
    return 1
}

# With CONFIG_RCU_BOOST the kernel has threads rcub/N.
boosts_reader() { [ "$kind" = task_preempted ] && grep -q '^rcub/' /proc/[0-9]*/comm 2>/dev/null; }
# Records the priority of the reader until the file `watched` is removed.
watch_priority() {
    : >watched
    : >priorities
    while [ -e watched ]; do
        cat /proc/[0-9]*/stat 2>/dev/null | awk '/\(stall_reader\)/ { print $18 }' >>priorities
        sleep 0.2
    done &
}
# -2 is the priority 1 of SCHED_FIFO, which rcub/N has.
is_boosted() {
    rm watched
    wait $!
    grep -qx -- -2 priorities || { echo "found the priorities:"; sort priorities | uniq -c; return 1; }
}

# provoke KIND [unsafe]
provoke() {
    kind=$1 unsafe=${2:-} expected=$(report "expect $1") before=$(all_timeouts)
    forget_log
    ! boosts_reader || watch_priority
    tap_check "$kind: rcuctl stall run succeeds" provoked
    ! boosts_reader || tap_check "$kind: RCU boosts the reader" is_boosted
    tap_check "$kind: the log has: $expected" log_has "$expected"
    echo "# seconds $kind $(grep -o '"seconds":[0-9]*\.[0-9]' decoded | head -n 1 | cut -d: -f2)"
    if [ -n "$(decoded_kind "$kind")" ]; then
        tap_check "$kind: the decoded kind is $(decoded_kind "$kind")" event
        tap_check "$kind: the decoded report names the culprit" names_culprit
        tap_check "$kind: rcuctl confirms the culprit" result_has blamed true
    fi
    tap_check "$kind: the stall is over" reports state idle
    tap_check "$kind: grace periods continue" result_has recovered true
    tap_check "$kind: the time-outs are restored" same "$before" "$(all_timeouts)"
    tap_check "$kind: the settings are restored" stall_settings_are '-1 0 0 N'
    tap_check "$kind: no worker thread remains" no_worker_threads
    # Unloading waits for grace periods and callbacks.
    tap_check "$kind: the module unloads" timeout 60 rmmod rust_rcu_demo
    tap_check "$kind: the module loads again" insmod "$module"
}

refuses_to_run() { fails_with "$1" rcuctl stall run "$2" && reports state idle; }
# Starts a stall by rcuctl in the background.
run_in_background() {
    rcuctl stall run cpu_preempt_off >/dev/null 2>&1 &
    client=$!
    becomes state running 30
}
rcuctl_itself() {
    names=$(kinds | tr '\n' '|')
    tap_check 'rcuctl stall list has each kind' \
        test "$(rcuctl stall list | grep -cE "^(${names}-) ")" = "$(kinds | wc -l)"
    for kind in $(kinds); do
        tap_check "rcuctl stall explain $kind succeeds" rcuctl stall explain "$kind"
    done
    tap_check 'rcuctl stall run refuses an unknown kind' \
        fails_with 'possible values' rcuctl stall run cpu
    for kind in $(kinds_that_have unsafe); do
        tap_check "rcuctl stall run $kind needs --unsafe" refuses_to_run '--unsafe' "$kind"
    done
    for kind in $(kinds_that_have 'no:.*'); do
        tap_check "rcuctl stall run $kind names what the kernel lacks" \
            refuses_to_run "$(report "has $kind" | sed 's/^no://')" "$kind"
    done
    before=$(all_timeouts)
    run_in_background
    tap_check 'rcuctl stall run refuses a second stall' \
        fails_with 'is already active' rcuctl stall run expedited
    kill -INT $client
    wait $client && status=0 || status=$?
    tap_check 'rcuctl stall run exits with an error after an interrupt' test "$status" -ne 0
    tap_check 'an interrupt of rcuctl stall run stops the stall' becomes outcome stopped 30
    tap_check 'an interrupt of rcuctl stall run restores the time-outs' \
        same "$before" "$(all_timeouts)"
    tap_check 'an interrupt of rcuctl stall run restores the settings' stall_settings_are '-1 0 0 N'
    run_in_background
    tap_check 'rcuctl stall stop succeeds' rcuctl stall stop
    tap_check 'rcuctl stall stop ends the stall' becomes state idle 30
    wait $client || :
    tap_check 'after rcuctl stall stop, rcuctl stall run restores the time-outs' \
        same "$before" "$(all_timeouts)"
}

# The kernel prints some warnings only once. rcuctl re-enables them through this file system.
grep -q ' /sys/kernel/debug ' /proc/mounts || mount -t debugfs none /sys/kernel/debug
prepare_cpus
insmod "$module"
if [ $# -gt 0 ]; then
    for kind; do
        has=$(report "has $kind")
        case $has in
            unsafe) provoke "$kind" unsafe ;;
            *) tap_skip "$kind" "$has" ;;
        esac
    done
    tap_end
    exit
fi
rcuctl_itself
for kind in $(kinds); do
    case $(report "has $kind") in
        yes) provoke "$kind" ;;
        *) tap_skip "$kind" "$(report "has $kind")" ;;
    esac
done
tap_check 'rmmod succeeds after stalls' rmmod rust_rcu_demo
tap_check 'rmmod leaves no stall thread' no_threads
tap_end
