#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest: the permissions and parameters of a stall, and starting, stopping and
# unloading. Prints TAP. Needs beside it: helpers.sh, stalls.sh, tap.sh. stall-kinds-suite.sh tests
# the kinds themselves.
#
# Usage: stall-suite.sh [lockdown]
#
# lockdown: tests only the refusals of a locked-down kernel. Lockdown lasts until the guest ends.
# shellcheck source=tests/guest/stalls.sh
. ./stalls.sh

insmod_refuses() { fails_with "$1" insmod "$module" "$2" && test ! -e $parameters; }

refusals() {
    check_descriptions 'stall charp' 'stall_cpu int' 'stall_hold_ms uint' 'stall_holdoff_ms uint' 'stall_unsafe bool'
    rmmod rust_rcu_demo
    tap_check 'insmod refuses an unknown kind' insmod_refuses 'Invalid parameters' stall=all
    for kind in $unsafe_kinds; do
        tap_check "insmod refuses $kind, which leaves the kernel unfit" \
            insmod_refuses 'not permitted' "stall=$kind"
    done
    for kind in $missing_kinds; do
        tap_check "insmod refuses $kind, which this kernel lacks" \
            insmod_refuses 'not supported' "stall=$kind"
    done
    tap_check 'insmod succeeds for stalls' insmod "$module"
    tap_check 'before the first stall the state is idle' reports state idle
    tap_check 'before the first stall there are 0 runs' reports runs 0
    tap_check 'before the first stall there is no thread' no_threads
    tap_check 'the settings have their defaults' stall_settings_are '-1 0 0 N'

    refuses 'Invalid argument' stall cpu "$(kinds_in_words)"
    refuses 'out of range' stall_hold_ms 60001 'a number from 0 to 60000'
    tap_check 'stall_holdoff_ms above its range is refused' \
        fails_with 'out of range' set_parameter stall_holdoff_ms '3600000\n'
    tap_check 'stall_hold_ms=long is refused' \
        fails_with 'Invalid argument' set_parameter stall_hold_ms 'long\n'
    tap_check 'stall_cpu above its range is refused' \
        fails_with 'out of range' set_parameter stall_cpu '4096\n'
    tap_check 'refused values change no setting' stall_settings_are '-1 0 0 N'

    tap_check 'stall_hold_ms above the limit of cpu_irq_off can be set' \
        set_parameter stall_hold_ms '10001\n'
    tap_check 'cpu_irq_off is refused with a hold above its limit' \
        fails_with 'out of range' set_parameter stall 'cpu_irq_off\n'
    tap_check 'the log has the longest hold of cpu_irq_off' \
        log_has 'parameter stall: cpu_irq_off needs stall_hold_ms up to 10000, found 10001'
    set_parameter stall_hold_ms '0\n'

    if [ -e /sys/devices/system/cpu/cpu1/online ]; then
        last=$(sed 's/.*-//' /sys/devices/system/cpu/online)
        echo 0 >"/sys/devices/system/cpu/cpu$last/online"
        set_parameter stall_cpu "$last\n"
        tap_check 'an offline CPU is refused' \
            fails_with 'No such device or address' set_parameter stall 'cpu_preempt_off\n'
        tap_check 'the log names the offline CPU' \
            log_has "parameter stall: stall_cpu=$last is not online"
        set_parameter stall_cpu '-1\n'
        if [ "$last" = 1 ]; then
            tap_check 'a kind that needs two CPUs is refused with one' \
                fails_with 'not supported' set_parameter stall 'cpu_irq_off\n'
            tap_check 'the log says that the kind needs two CPUs' \
                log_has 'parameter stall: cpu_irq_off needs two CPUs'
        fi
        echo 1 >"/sys/devices/system/cpu/cpu$last/online"
    fi

    for kind in $(kinds); do
        has=$(report "has $kind")
        case $has in
            yes) ;;
            unsafe)
                tap_check "$kind needs stall_unsafe" \
                    fails_with 'not permitted' set_parameter stall "$kind\n"
                tap_check "$kind: the log says what it breaks" \
                    log_has "parameter stall: $kind needs stall_unsafe=1: "
                ;;
            no:CONFIG_*)
                tap_check "$kind is refused by a kernel that lacks it" \
                    fails_with 'not supported' set_parameter stall "$kind\n"
                tap_check "$kind: the log names the missing configuration" \
                    log_has "parameter stall: $kind needs a kernel with ${has#no:}"
                ;;
            *) tap_check "$kind: the report has yes, unsafe or the missing configuration" test "$has" = yes ;;
        esac
    done
    tap_check 'refused kinds start no run' reports runs 0
}
kinds_in_words() {
    kinds | tr '\n' ' ' | sed 's/ \([a-z_]*\) $/ or \1/; s/ \([a-z_]*\) or/, \1 or/
        s/\([a-z_]\) \([a-z]\)/\1, \2/g; s/, or,/ or/; s/^/none, /'
}

privileged_settings='stall=cpu_preempt_off stall_cpu=0 stall_hold_ms=5 stall_holdoff_ms=5 stall_unsafe=1'
capability() {
    for setting in $privileged_settings stall=none; do check_capability "$setting"; done
    tap_check 'refused writers start no run' reports runs 0
    tap_check 'refused writers change no setting' stall_settings_are '-1 0 0 N'
}

lockdown() {
    mount -t securityfs none /sys/kernel/security
    [ -w /sys/kernel/security/lockdown ] || { tap_skip lockdown CONFIG_SECURITY_LOCKDOWN_LSM; return; }
    tap_check 'root starts a stall without lockdown' set_parameter stall 'expedited\n'
    tap_check 'root stops a stall without lockdown' set_parameter stall 'none\n'
    becomes state idle 30
    echo integrity >/sys/kernel/security/lockdown
    for setting in $privileged_settings torture=1 onoff_interval=1; do
        refused "$setting" 'under lockdown' 'cannot be set, because the kernel is locked down' \
            fails_with 'not permitted' set_parameter
    done
    tap_check 'rcuctl stall run reports lockdown' \
        fails_with 'locked down' rcuctl stall run expedited
    tap_check 'lockdown allows no further run' reports runs 1
    tap_check 'lockdown allows no change of settings' stall_settings_are '-1 0 0 N'
}

starting_and_stopping() {
    runs=$(report runs)
    tap_check 'stall=KIND starts a stall' set_parameter stall 'cpu_preempt_off\n'
    tap_check 'stall=KIND does not wait for the end of the stall' reports state running
    tap_check 'a second stall is refused' \
        fails_with 'esource busy' set_parameter stall 'expedited\n'
    tap_check 'the log says how to end the active stall' \
        log_has 'parameter stall: a stall is active; write none to stop it'
    tap_check 'stall=none stops a stall' set_parameter stall 'none\n'
    tap_check 'a stopped stall becomes idle' becomes state idle 60
    tap_check 'a stopped stall has the outcome stopped' reports outcome stopped
    tap_check 'stall=none without a stall succeeds' set_parameter stall 'none\n'
    tap_check 'refused stalls do not count as runs' reports runs $((runs + 1))

    set_parameter stall_hold_ms '1500\n'
    set_parameter stall 'cpu_preempt_off\n'
    tap_check 'a stall ends after its hold' becomes state idle 60
    tap_check 'a stall that was not stopped has the outcome ended' reports outcome ended
    tap_check 'a stall lasts as long as its hold' test "$(report seconds)" -ge 1
    set_parameter stall_holdoff_ms '60000\n'
    tap_check 'a stall with a hold-off starts' set_parameter stall 'cpu_irq_off\n'
    sleep 1
    tap_check 'a stall is running during its hold-off' reports state running
    tap_check 'a stall does not begin during its hold-off' not log_has 'stall: begin cpu_irq_off'
    tap_check 'a stall can be stopped during its hold-off' set_parameter stall 'none\n'
    tap_check 'a stall that is stopped during its hold-off becomes idle' becomes state idle 30
    set_parameter stall_holdoff_ms '0\n'
    set_parameter stall_hold_ms '0\n'
    if [ "$(cat /sys/devices/system/cpu/online)" != 0 ]; then
        set_parameter stall_cpu '0\n'
        set_parameter stall 'cpu_preempt_off\n'
        tap_check 'stall_cpu chooses the CPU' reports cpu 0
        set_parameter stall 'none\n'
        becomes state idle 60
        set_parameter stall_cpu '-1\n'
    fi

    rmmod rust_rcu_demo
    tap_check 'insmod can start a stall' insmod "$module" stall=cpu_preempt_off
    tap_check 'a stall that insmod started is running' reports state running
}

# The longest hold is 60 s for most kinds and 10 s for cpu_irq_off. insmod itself must not start the
# stall: its last steps wait for all CPUs.
start_long_stall() {
    forget_log
    insmod "$module" stall_hold_ms=60000 || return
    [ "$1" != cpu_irq_off ] || set_parameter stall_hold_ms '10000\n'
    set_parameter stall "$1\n" && within 30 log_has "stall: begin $1"
}
# A process that must interrupt a CPU waits while that CPU has its interrupts off. So the stall can
# end before rmmod starts; then the attempt is repeated.
unload_stops() {
    for _ in 1 2 3; do
        unload_during start_long_stall "$1" && log_has "stall: end $1 " | grep ' ms: stopped;' && return
        ! is_loaded || rmmod rust_rcu_demo
        log_has "stall: end $1 " | grep -q ' ms: ended;' || return
    done
    return 1
}
lasts() { test "$(report "has $1")" = yes -a "$(report "hold $1")" -gt 1000; }
# After the stall has ended, the grace-period kthread must not sleep in a later grace period.
ends_beside_torture() {
    insmod "$module" stall_hold_ms=60000 && set_parameter torture '1\n' &&
        set_parameter stall 'gp_kthread_starved\n' && within 30 log_has 'stall: begin gp_kthread_starved' || return
    sleep 1
    set_parameter stall 'none\n' && set_parameter torture '0\n' && becomes state idle 20 && timeout 20 rmmod rust_rcu_demo
}
unloading() {
    long_kinds=$(for kind in $(kinds); do lasts "$kind" && echo "$kind"; done)
    rmmod rust_rcu_demo
    for kind in $long_kinds; do
        tap_check "$kind: rmmod stops the stall and leaves no thread" unload_stops "$kind"
        [ "$kind" != gp_kthread_starved ] ||
            tap_check "$kind: stops beside torture, and grace periods end again" ends_beside_torture
    done
}

gp_kthread() { pidof rcu_preempt rcu_sched; }
# Prints the settings that rcuctl changes during a stall: time-outs, the CPUs of the grace-period
# kthread.
changed_by_rcuctl() {
    for timeout in $timeouts; do ! [ -e "${timeout%%=*}" ] || cat "${timeout%%=*}"; done
    taskset -p "$(gp_kthread)"
}
start_and_kill_rcuctl() {
    rcuctl stall run cpu_preempt_off >killed 2>&1 &
    within 20 reports state running
    kill -KILL $!
    set_parameter stall 'none\n' && becomes state idle 60
}
killed() {
    ! [ -e /sys/devices/system/cpu/cpu1 ] || taskset -p 3 "$(gp_kthread)" >/dev/null
    before=$(changed_by_rcuctl)
    tap_check 'rcuctl stall run can be killed' start_and_kill_rcuctl
    tap_check 'a killed rcuctl leaves settings changed' not same "$before" "$(changed_by_rcuctl)"
    tap_check 'the next rcuctl names the settings that it restores for a killed one' \
        sh -c 'rcuctl stall run expedited 2>&1 | grep "restored the settings that a killed rcuctl had changed: .*rcu_cpu_stall_timeout"'
    tap_check 'the next rcuctl restores the settings that a killed one has changed' same "$before" "$(changed_by_rcuctl)"
    ! [ -e /sys/devices/system/cpu/cpu1 ] || taskset -p 1 "$(gp_kthread)" >/dev/null
}

prepare_cpus
insmod "$module"
if [ "${1:-}" = lockdown ]; then
    lockdown
    tap_end
    exit
fi
unsafe_kinds=$(kinds_that_have unsafe)
missing_kinds=$(kinds_that_have 'no:.*')
killed
shorten_timeouts
refusals
capability
reload
starting_and_stopping
unloading
restore_timeouts
tap_check 'the time-outs are restored' timeouts_are "$old_timeouts"
tap_end
