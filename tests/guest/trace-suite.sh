#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest: `rcuctl trace` shows RCU's events, one grace period, and the scenes, and leaves
# tracefs as it was. Prints TAP. Needs beside it: helpers.sh, tap.sh.
# shellcheck source=tests/guest/helpers.sh
. ./helpers.sh

tracefs=/sys/kernel/tracing

# Prints the state that another user of tracing sees. The kernel may list events in any order.
tracing_state() {
    cat $tracefs/tracing_on $tracefs/current_tracer $tracefs/trace_clock
    sort $tracefs/set_event
    ls $tracefs/instances
}
tracing_is() { test "$1" = "$(tracing_state)" || { echo "expected: $1"; echo "found: $(tracing_state)"; return 1; }; }
instances() { ls $tracefs/instances; }
has_instance() { instances | grep -qx "rust_rcu_demo-$1-[0-9]*"; }

# ends_after SIGNAL STATUS: a signal ends rcuctl trace with a status.
ends_after() {
    # In a shell without job control, background processes ignore SIGINT.
    (trap - INT; exec rcuctl trace) >traced 2>&1 &
    pid=$!
    within 30 has_instance $pid || return
    kill -"$1" $pid
    wait $pid
    status=$?
    test $status = "$2" || { cat traced; echo "expected exit status $2, found $status"; return 1; }
}
prints_events() {
    # Without grace periods of the module, an idle kernel may have no event.
    set_parameter scale 'gp\n'
    rcuctl trace --seconds 3 >traced 2>&1 || { cat traced; return 1; }
    set_parameter scale 'none\n'
    grep -E '^ *[0-9]+\.[0-9]{6}  CPU [0-9]+ ' traced >events
    test "$(wc -l <events)" -ge "$1" || { cat traced; return 1; }
}
# shows FILE PATTERN...: FILE has a line for each pattern.
shows() {
    file=$1
    shift
    for pattern; do grep -E -q -- "$pattern" "$file" || { cat "$file"; echo "expected: $pattern"; return 1; }; done
}
follows_a_grace_period() { rcuctl trace --gp --raw raw --svg gp.svg --html gp.html >gp 2>&1 || { cat gp; return 1; }; }
# Each CPU of the guest is in the table: it reported, or the root did not wait for it.
cpus_are_complete() {
    for cpu in $(seq 0 $(($(nproc) - 1))); do
        grep -E -q "^ *$cpu  +([0-9.]+|-) +([0-9.]+|-) +[0-9.]+  " gp || { cat gp; echo "CPU $cpu has no report"; return 1; }
    done
}
# The duration of the heading is the time between the kernel's own lines of start and end.
duration_is_the_kernels() {
    number=$(sed -n 's/^Grace period \(-*[0-9]*\): .*/\1/p' gp)
    shown=$(sed -n 's/^Grace period .*: \([0-9.]*\) ms.*/\1/p' gp)
    own=$(sed -n "s/.* \([0-9]*\.[0-9]*\): rcu_grace_period: rcu_[a-z]* $number \(start\|end\)\$/\1/p" raw |
        awk 'NR == 1 { start = $1 } NR == 2 { printf "%.3f\n", ($1 - start) * 1000 }')
    same "$own" "$shown"
}
reads_back() { rcuctl trace --gp --from raw >again 2>&1 && cmp gp again; }
# Without RCU_TRACE rcuctl names the remaining events, and --verbose shows them.
shows_remaining_events() {
    rcuctl trace --verbose --seconds 2 >traced 2>&1 || { cat traced; return 1; }
    shows traced 'it has only .*rcu_utilization' 'CPU [0-9]+ .* Start context switch'
}
# The function tracer shows the phases. The module waits for grace periods meanwhile.
shows_functions() {
    set_parameter scale 'gp\n'
    rcuctl trace --seconds 3 >traced 2>&1 || { cat traced; return 1; }
    set_parameter scale 'none\n'
    shows traced 'rcu_[a-z]+ +starts a grace period: rcu_gp_init' 'ends the grace period: rcu_gp_cleanup'
}
# With rcu_nocbs= kthreads invoke the callbacks of the route table.
shows_offloading() {
    set_parameter reclaim 'call\n'
    rcuctl trace --seconds 4 >traced 2>&1 &
    pid=$!
    for _ in 1 2 3 4 5 6; do
        rcuctl route add 10.0.0.0/8 dev a && rcuctl route del 10.0.0.0/8 && sleep 0.5
    done
    wait $pid || { cat traced; return 1; }
    shows traced 'rcuop/[0-9]+ +begins to invoke callbacks: rcu_do_batch'
}
# On a busy host the threads of a scene may start too late, so a scene gets three tries.
scene_shows() {
    for try in 1 2 3; do
        rcuctl trace demo "$1" --raw raw >scene 2>&1 && break
        head -n 20 scene
        test "$try" != 3 || return 1
    done
    grep -q '^  seen: ' scene
}

shows_barrier() { rcuctl trace demo barrier --from raw >scene 2>&1 || { cat scene; return 1; }; }

tap_check 'insmod succeeds for scenes' insmod "$module"
before=$(settings)
mount -t tracefs tracefs $tracefs 2>/dev/null
if [ ! -e $tracefs/events ]; then
    tap_check 'a kernel without tracefs: rcuctl trace names the option' \
        fails_with 'was built without CONFIG_FTRACE' rcuctl trace --seconds 1
    tap_check 'a kernel without tracefs: the status is 1' exits 1 rcuctl trace --gp
    tap_end
    exit
fi

state=$(tracing_state)
tap_check 'the error for a user without permission asks for root' \
    fails_with 'run rcuctl as root' su -s /bin/sh nobody -c 'rcuctl trace --seconds 1'
if [ ! -e $tracefs/events/rcu/rcu_grace_period ]; then
    tap_check 'a kernel without RCU_TRACE: --gp names the option' \
        fails_with 'was built without CONFIG_RCU_TRACE' rcuctl trace --gp
    tap_check 'a kernel without RCU_TRACE: a scene names the option' \
        fails_with 'was built without CONFIG_RCU_TRACE' rcuctl trace demo idle
    tap_check 'a kernel without RCU_TRACE: rcuctl trace names the remaining events' \
        shows_remaining_events
    tap_check 'a kernel without RCU_TRACE: calls of functions show start and end of grace periods' shows_functions
    if grep -q rcu_nocbs= /proc/cmdline; then
        tap_check 'with rcu_nocbs= kthreads invoke callbacks' shows_offloading
    fi
    tap_check 'a kernel without RCU_TRACE: tracefs is as it was' tracing_is "$state"
    tap_end
    exit
fi

tap_check 'rcuctl trace prints events in words' prints_events 10
tap_check 'after the normal end tracefs is as it was' tracing_is "$state"
tap_check 'Ctrl-C ends rcuctl trace with status 0' ends_after INT 0
tap_check 'after Ctrl-C tracefs is as it was' tracing_is "$state"
tap_check 'SIGTERM ends rcuctl trace with status 0' ends_after TERM 0
tap_check 'after SIGTERM tracefs is as it was' tracing_is "$state"
tap_check 'SIGKILL ends rcuctl trace' ends_after KILL 137
tap_check 'after SIGKILL the instance is left' has_instance '[0-9]*'

tap_check 'rcuctl trace --gp follows a grace period' follows_a_grace_period
tap_check 'the next run removes the instance that SIGKILL left' tracing_is "$state"
tap_check '--gp names the requester, the start, the tree, quiescent states, reports and the end' shows gp \
    'requested .* ms before by' 'begins synchronize_rcu\(\)' ' starts grace period ' 'the root .* waits for CPUs' \
    ' quiescent state' ' reports CPU' 'it waits for nothing more' ' ends grace period ' 'returns from synchronize_rcu\(\)'
tap_check '--gp: each CPU of the guest reports' cpus_are_complete
tap_check '--gp: the duration is that between the kernel lines of start and end' duration_is_the_kernels
tap_check '--gp --from shows the same text for the recorded lines' reads_back
tap_check '--svg and --html write a picture' shows gp.svg '<svg ' 'data-name="CPU 0"'
tap_check '--html has the picture at three scales' test "$(grep -o '<svg ' gp.html | wc -l)" = 3

for scene in reader preempted expedited idle call; do
    tap_check "scene $scene: the trace shows what the scene says" scene_shows $scene
done
# The module plays the same for both scenes.
tap_check 'scene barrier: the trace of the scene call shows what the scene barrier says' \
    shows_barrier
tap_check 'after the scenes tracefs is as it was' tracing_is "$state"
tap_check 'after the scenes the settings of the module are as they were' settings_are "$before"
tap_end
