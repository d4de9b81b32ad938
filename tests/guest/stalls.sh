# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Functions that the suites of stalls share. Sourced; needs helpers.sh beside it.
# shellcheck source=tests/guest/helpers.sh
. ./helpers.sh

# shellcheck disable=SC2034 # helpers.sh uses it.
job=stall
# FILE=VALUE: the kernel's time-outs and their shortest values.
timeouts='
    /sys/module/rcupdate/parameters/rcu_cpu_stall_timeout=3
    /sys/module/rcupdate/parameters/rcu_exp_cpu_stall_timeout=100
    /sys/module/rcupdate/parameters/rcu_task_stall_timeout=500
'

# The kernel reads a time-out when a grace period begins, and loading and unloading waits for one.
reload() { rmmod rust_rcu_demo && insmod "$module"; }

kinds() { sed -n 's/^has \([a-z_]*\) .*/\1/p' $parameters/stall; }
# kinds_that_have STATUS: STATUS is a regular expression.
kinds_that_have() { sed -n "s/^has \([a-z_]*\) $1\$/\1/p" $parameters/stall; }
stall_settings() { for name in cpu hold_ms holdoff_ms unsafe; do cat "$parameters/stall_$name"; done | tr '\n' ' '; }
stall_settings_are() { same "$1 " "$(stall_settings)"; }

# set_timeouts FILE=VALUE...: sets the time-outs that this kernel has, and prints their old values.
set_timeouts() {
    for timeout; do
        file=${timeout%%=*}
        [ -w "$file" ] || continue
        echo "$file=$(cat "$file")"
        echo "${timeout#*=}" >"$file"
    done
}
# shellcheck disable=SC2086 # Several words.
shorten_timeouts() {
    old_timeouts=$(set_timeouts $timeouts)
    trap restore_timeouts EXIT
}
# shellcheck disable=SC2086 # Several words.
restore_timeouts() {
    set_timeouts $old_timeouts >/dev/null
    trap - EXIT
}
# timeouts_are FILES_AND_VALUES
timeouts_are() {
    for timeout in $1; do
        file=${timeout%%=*}
        test "$(cat "$file")" = "${timeout#*=}" || { echo "$file: expected ${timeout#*=}, found $(cat "$file")"; return 1; }
    done
}

# Culprits run on the last CPU. Keeps this shell and the grace-period thread off it: while
# interrupts are off there, a thread that waits for that CPU starts no grace period. A second after
# boot the kernel switches to a better clock and stops all CPUs for it, which a looping culprit
# would delay. With PREEMPT_RT the culprit also stops the timers of its CPU, and with them the
# detector of hung tasks if that slept there.
prepare_cpus() {
    within 10 not grep -q early /sys/devices/system/clocksource/clocksource0/current_clocksource
    for pid in $$ $(pidof rcu_preempt rcu_sched khungtaskd); do taskset -p 1 "$pid" >/dev/null; done
}
