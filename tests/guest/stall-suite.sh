#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest: each kind of stall that this kernel can have, with the kernel's own words for it, and that
# all is well afterwards; who may do it, what is refused, and unloading at any time. Prints TAP, and a line
# "# seconds KIND N" for each kind: from its beginning to the kernel's first line. Expects beside it:
# helpers.sh, tap.sh.
#
# Usage: stall-suite.sh [KIND|lockdown]
#
# Without KIND: all kinds that leave the kernel as it was. KIND is one that does not: in a boot of its own, which
# goes no further. Lockdown cannot be undone either.
# shellcheck source=tests/guest/helpers.sh
. ./helpers.sh

unfit=${1:-}

job=stall
timeouts='
    /sys/module/rcupdate/parameters/rcu_cpu_stall_timeout=3
    /sys/module/rcupdate/parameters/rcu_exp_cpu_stall_timeout=100
    /sys/module/rcupdate/parameters/rcu_task_stall_timeout=500
'
hung_task_timeouts='
    /proc/sys/kernel/hung_task_timeout_secs=5
    /proc/sys/kernel/hung_task_warnings=-1
'

forget_log() { dmesg -c >/dev/null; }
kinds() { sed -n 's/^has \([a-z_]*\) .*/\1/p' $parameters/stall; }
settings() { for file in stall_cpu stall_hold_ms stall_holdoff_ms stall_unsafe; do cat "$parameters/$file"; done; }
settings_are() { test "$(settings | tr '\n' ' ')" = "$1 " || { settings; return 1; }; }

# use TIMEOUTS: each FILE=VALUE, if there is one, printing what it was.
use() {
    for timeout in $1; do
        file=${timeout%%=*}
        [ -w "$file" ] || continue
        echo "$file=$(cat "$file")"
        echo "${timeout#*=}" >"$file"
    done
}
put_back() { use "$old" >/dev/null; }
old=$(use "$timeouts")
trap put_back EXIT

# The kernel says some things once only, unless it is asked to forget, which rcuctl does.
grep -q ' /sys/kernel/debug ' /proc/mounts || mount -t debugfs none /sys/kernel/debug

# Each passes a grace period, which begins with the new time-outs.
reload() { rmmod rust_rcu_demo && insmod "$module"; }

# quickly SECONDS COMMAND...
quickly() {
    limit=$1
    shift
    since=$(cut -d. -f1 /proc/uptime)
    "$@" || return
    took=$(($(cut -d. -f1 /proc/uptime) - since))
    test $took -le "$limit" || { echo "took $took s"; return 1; }
}

# What the decoder must take each for.
decodes_as() {
    case $1 in
        cpu_* | task_*) echo rcu-cpu-stall ;;
        gp_kthread_starved) echo rcu-kthread-starved ;;
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
# The event of that kind, alone.
event() { sed 's/{"kind":/\n&/g' told | grep "^{\"kind\":\"$(decodes_as "$kind")\""; }
# Who is to blame: the thread by number and name, or else the CPU.
names_culprit() {
    pid=$(report pid) comm=$(report comm) cpu=$(report cpu)
    case $kind-$comm in
        # Where there is no lockdep the kernel knows who waits, and not for whom.
        srcu_stuck-* | hung_updater-*) by='"comm":"stall_updater"' ;;
        # Who asks for memory need not be who has it.
        memory_exhausted-*) by='"name":"invoked by","value":"stall_updater"' ;;
        *-none) by="\"cpus\":[$cpu]" ;;
        *) by="{\"pid\":$pid,\"comm\":\"$comm\"" ;;
    esac
    event | grep -F "$by" || { echo "not there: $by"; cat told; return 1; }
}
says() { grep -F "\"$1\":$2" told || { cat told; return 1; }; }
# A guest whose host has little time for it may be late with ticks, and then RCU with its line: it may take another try.
provoked() {
    for try in 1 2 3; do
        ! rcuctl stall run --json ${unfit:+--unsafe} "$kind" >told 2>errors || return 0
        echo "try $try: status $?"
        cat told errors
        dmesg | tail -n 30
        [ -z "$unfit" ] || break
    done
    return 1
}
used() { for timeout in $1; do cat "${timeout%%=*}" 2>/dev/null; done; }
all_timeouts() { used "$timeouts $hung_task_timeouts"; }

# provoke KIND: has it, and proves that it is over.
provoke() {
    kind=$1 expects=$(report "expect $1") before=$(all_timeouts)
    forget_log
    tap_check "rcuctl stall run $kind" provoked
    tap_check "$kind: the log has: $expects" log_has "$expects"
    echo "# seconds $kind $(grep -o '"seconds":[0-9]*\.[0-9]' told | head -n 1 | cut -d: -f2)"
    if [ -n "$(decodes_as "$kind")" ]; then
        tap_check "$kind is decoded as $(decodes_as "$kind")" event
        tap_check "$kind: and who is to blame" names_culprit
        tap_check "$kind: which rcuctl knows" says blamed true
    fi
    tap_check "$kind is over" reports state idle
    tap_check "$kind: grace periods go on" says recovered true
    tap_check "$kind: the time-outs are as before" test "$(all_timeouts)" = "$before"
    tap_check "$kind: so are the settings" settings_are '-1 0 0 N'
    tap_check "$kind: no thread is left but the one that conducted it" test "$(threads | wc -l)" -le 1
    # Unloading waits for grace periods and callbacks.
    tap_check "$kind: the module goes" quickly 5 rmmod rust_rcu_demo
    tap_check "$kind: and comes again" insmod "$module"
}

# The tool itself: what it refuses, and that it can be interrupted.
refuses() { fails_with "$1" rcuctl stall run "$2" && reports state idle; }
tool() {
    tap_check 'rcuctl stall list has each kind' test "$(rcuctl stall list | grep -cE "^($(kinds | tr '\n' '|')-) ")" = "$(kinds | wc -l)"
    for kind in $(kinds); do
        tap_check "rcuctl stall explain $kind" rcuctl stall explain "$kind"
    done
    tap_check 'rcuctl stall run: an unknown kind' fails_with 'possible values' rcuctl stall run cpu
    for kind in $unfit_kinds; do
        tap_check "rcuctl stall run $kind wants --unsafe" refuses '--unsafe' "$kind"
    done
    for kind in $missing_kinds; do
        tap_check "rcuctl stall run $kind: what the kernel lacks" refuses "$(report "has $kind" | sed 's/^no://')" "$kind"
    done
    before=$(all_timeouts)
    rcuctl stall run cpu_preempt_off >told 2>&1 &
    client=$!
    becomes state running 10
    tap_check 'rcuctl stall run: one goes on' fails_with 'is already active' rcuctl stall run expedited
    kill -INT $client
    wait $client && status=0 || status=$?
    tap_check 'an interrupted one tells it by its status' test "$status" -ne 0
    tap_check 'and is over' becomes state idle 1
    tap_check 'and the time-outs are as before' test "$(all_timeouts)" = "$before"
    tap_check 'and so are the settings' settings_are '-1 0 0 N'
    rcuctl stall run cpu_preempt_off >told 2>&1 &
    client=$!
    becomes state running 10
    tap_check 'rcuctl stall stop' rcuctl stall stop
    tap_check 'ends it' becomes state idle 5
    wait $client || :
    tap_check 'and who ran it puts the time-outs back' test "$(all_timeouts)" = "$before"
}

# Refusals.
insmod_fails() { fails_with "$1" insmod "$module" "$2" "${3:-stall_cpu=-1}" && test ! -e $parameters; }

refusals() {
    check_descriptions 'stall charp' 'stall_cpu int' 'stall_hold_ms uint' 'stall_holdoff_ms uint' 'stall_unsafe bool'
    rmmod rust_rcu_demo
    tap_check 'insmod with an unknown kind fails' insmod_fails 'Invalid parameters' stall=all
    for kind in $unfit_kinds; do
        tap_check "insmod with $kind, which leaves the kernel unfit, fails" insmod_fails 'not permitted' "stall=$kind"
    done
    for kind in $missing_kinds; do
        tap_check "insmod with $kind, which this kernel cannot have, fails" insmod_fails 'not supported' "stall=$kind"
    done
    tap_check 'insmod' insmod "$module"
    tap_check 'at first nothing goes on' reports state idle
    tap_check 'and nothing has' reports runs 0
    tap_check 'and there is no thread' no_threads
    tap_check 'settings are as they are described' settings_are '-1 0 0 N'

    tap_check 'an unknown kind is refused' fails_with 'Invalid argument' set_parameter stall 'cpu\n'
    tap_check 'and the log tells all kinds' log_has "$(kinds | tr '\n' ' ' | sed 's/ \([a-z_]*\) $/ or \1/; s/ \([a-z_]*\) or/, \1 or/; s/\([a-z_]\) \([a-z]\)/\1, \2/g; s/, or,/ or/; s/^/want none, /'), not \"cpu\""
    tap_check 'so is a hold beyond all reason' fails_with 'out of range' set_parameter stall_hold_ms '60001\n'
    tap_check 'and the log tells the range' log_has 'parameter stall_hold_ms: want a number from 0 to 60000, not "60001"'
    tap_check 'so is a hold-off' fails_with 'out of range' set_parameter stall_holdoff_ms '3600000\n'
    tap_check 'so is a hold that is no number' fails_with 'Invalid argument' set_parameter stall_hold_ms 'long\n'
    tap_check 'so is a CPU that cannot be' fails_with 'out of range' set_parameter stall_cpu '4096\n'
    tap_check 'after all that settings are as they were' settings_are '-1 0 0 N'

    tap_check 'interrupts may be off for a shorter time' set_parameter stall_hold_ms '10001\n'
    tap_check 'than other kinds may last' fails_with 'out of range' set_parameter stall 'cpu_irq_off\n'
    tap_check 'and the log tells how long' log_has 'parameter stall: cpu_irq_off wants stall_hold_ms up to 10000, not 10001'
    set_parameter stall_hold_ms '0\n'

    if [ -e /sys/devices/system/cpu/cpu1/online ]; then
        last=$(sed 's/.*-//' /sys/devices/system/cpu/online)
        echo 0 >"/sys/devices/system/cpu/cpu$last/online"
        set_parameter stall_cpu "$last\n"
        tap_check 'a CPU that is offline is refused' fails_with 'No such device or address' set_parameter stall 'cpu_preempt_off\n'
        tap_check 'and the log tells which' log_has "parameter stall: CPU $last, which stall_cpu names, is not online"
        set_parameter stall_cpu '-1\n'
        if [ "$last" = 1 ]; then
            tap_check 'a kind that needs two CPUs is refused with one' \
                fails_with 'not supported' set_parameter stall 'cpu_irq_off\n'
            tap_check 'and the log says so' log_has 'parameter stall: cpu_irq_off needs two CPUs'
        fi
        echo 1 >"/sys/devices/system/cpu/cpu$last/online"
    fi

    for kind in $(kinds); do
        has=$(report "has $kind")
        case $has in
            yes) ;;
            unsafe)
                tap_check "$kind wants stall_unsafe" fails_with 'not permitted' set_parameter stall "$kind\n"
                tap_check "$kind: and the log tells what it breaks" log_has "parameter stall: $kind needs stall_unsafe=1: "
                ;;
            no:CONFIG_*)
                tap_check "$kind is refused by a kernel that cannot have it" \
                    fails_with 'not supported' set_parameter stall "$kind\n"
                tap_check "$kind: and the log tells what is missing" \
                    log_has "parameter stall: $kind needs a kernel with ${has#no:}"
                ;;
            *) tap_check "$kind: has is yes, no or unsafe" test "$has" = yes ;;
        esac
    done
    tap_check 'nothing has begun' reports runs 0
}

# An open file is no permission: who writes needs the capability. Those who are refused hold a file that root has
# opened, or are root in a user namespace.
as_nobody() { su -s /bin/sh nobody -c "printf '$2' >&3" 3>"$parameters/$1"; }
as_lesser_root() { unshare -U -r sh -c "printf '$2' >$parameters/$1"; }
capability() {
    grep -q '^nobody:' /etc/passwd || echo 'nobody:x:65534:65534:nobody:/:/bin/sh' >>/etc/passwd
    tap_check 'someone else can write to a file that is open' test "$(su -s /bin/sh nobody -c 'echo yes >&3; id -u' 3>opened)" = 65534 -a "$(cat opened)" = yes
    for setting in 'stall cpu_preempt_off' 'stall none' 'stall_cpu 0' 'stall_hold_ms 5' 'stall_holdoff_ms 5' 'stall_unsafe 1'; do
        forget_log
        name=${setting% *} value=${setting#* }
        tap_check "without the capability $name=$value is refused" fails_with 'not permitted' as_nobody "$name" "$value\n"
        tap_check 'and the log tells what is missing' log_has 'parameters stall*: want CAP_SYS_ADMIN'
        if unshare -U -r true 2>/dev/null; then
            forget_log
            tap_check "in a user namespace $name=$value is refused" not as_lesser_root "$name" "$value\n"
            tap_check 'and the log tells what is missing there' log_has 'parameters stall*: want CAP_SYS_ADMIN'
        fi
    done
    tap_check 'nothing has begun' reports runs 0
    tap_check 'and settings are as they were' settings_are '-1 0 0 N'
}

# Whoever has all capabilities may not either.
lockdown() {
    mount -t securityfs none /sys/kernel/security
    [ -w /sys/kernel/security/lockdown ] || { tap_skip lockdown CONFIG_SECURITY_LOCKDOWN_LSM; return; }
    tap_check 'a kernel that is not locked down lets root begin a stall' set_parameter stall 'expedited\n'
    tap_check 'and end it' set_parameter stall 'none\n'
    becomes state idle 5
    echo integrity >/sys/kernel/security/lockdown
    for setting in 'stall cpu_preempt_off' 'stall_cpu 0' 'stall_hold_ms 5' 'stall_holdoff_ms 5' 'stall_unsafe 1'; do
        forget_log
        name=${setting% *} value=${setting#* }
        tap_check "under lockdown $name=$value is refused" fails_with 'not permitted' set_parameter "$name" "$value\n"
        tap_check 'and the log tells why' log_has 'parameters stall*: the kernel is locked down'
    done
    tap_check 'rcuctl stall run tells it' fails_with 'locked down' rcuctl stall run expedited
    tap_check 'it was one run' reports runs 1
    tap_check 'and settings are as they were' settings_are '-1 0 0 N'
}

# Beginning and ending.
steps() {
    runs=$(report runs)
    tap_check 'a stall begins at once' quickly 1 set_parameter stall 'cpu_preempt_off\n'
    tap_check 'and goes on' reports state running
    tap_check 'another is refused' fails_with 'esource busy' set_parameter stall 'expedited\n'
    tap_check 'and the log tells what to do' log_has 'parameter stall: a stall goes on; write none to end it'
    tap_check 'it is told to end' set_parameter stall 'none\n'
    tap_check 'and does' becomes state idle 2
    tap_check 'which it says' reports outcome stopped
    tap_check 'none again does nothing' set_parameter stall 'none\n'
    tap_check 'it was one' reports runs $((runs + 1))

    set_parameter stall_hold_ms '1500\n'
    set_parameter stall 'cpu_preempt_off\n'
    tap_check 'a stall ends by itself' becomes state idle 3
    tap_check 'which it says too' reports outcome ended
    tap_check 'after as long as it was to last' reports seconds 1
    set_parameter stall_holdoff_ms '60000\n'
    tap_check 'a stall may begin later' set_parameter stall 'cpu_irq_off\n'
    sleep 1
    tap_check 'meanwhile it goes on' reports state running
    tap_check 'and has not begun' not log_has 'stall: begin cpu_irq_off'
    tap_check 'it is told to end before' set_parameter stall 'none\n'
    tap_check 'and does not begin' becomes state idle 2
    set_parameter stall_holdoff_ms '0\n'
    set_parameter stall_hold_ms '0\n'
    if [ "$(cat /sys/devices/system/cpu/online)" != 0 ]; then
        set_parameter stall_cpu '0\n'
        set_parameter stall 'cpu_preempt_off\n'
        tap_check 'a CPU can be chosen' reports cpu 0
        set_parameter stall 'none\n'
        becomes state idle 2
        set_parameter stall_cpu '-1\n'
    fi

    rmmod rust_rcu_demo
    tap_check 'insmod can begin a stall' insmod "$module" stall=cpu_preempt_off
    tap_check 'it goes on' reports state running
}

# Unloading in the middle, with someone who reads the parameters all the time.
unload_in_the_middle() {
    insmod "$module" "stall=$1" stall_hold_ms=10000 || return
    while cat $parameters/*; do :; done >/dev/null 2>&1 &
    sleep 1
    quickly 8 rmmod rust_rcu_demo || return
    wait $!
    no_threads
}
lasts() { test "$(report "has $1")" = yes -a "$(report "hold $1")" -gt 1000; }
unloads() {
    having=$(for kind in $(kinds); do lasts "$kind" && echo "$kind"; done)
    rmmod rust_rcu_demo
    for kind in $having; do
        tap_check "$kind: rmmod in the middle leaves no thread" unload_in_the_middle "$kind"
    done
    insmod "$module"
}

# A second after its start the kernel changes to a better clock, and stops all CPUs for that. While one loops, they
# would wait for it.
patience=100
while grep -q early /sys/devices/system/clocksource/clocksource0/current_clocksource && [ $patience -gt 0 ]; do
    sleep 0.1
    patience=$((patience - 1))
done
# The CPU that suffers is another one.
taskset -p 1 $$ >/dev/null
insmod "$module"
unfit_kinds=$(for kind in $(kinds); do reports "has $kind" unsafe >/dev/null && echo "$kind"; done)
missing_kinds=$(sed -n 's/^has \([a-z_]*\) no:.*/\1/p' $parameters/stall)
if [ "$unfit" = lockdown ]; then
    lockdown
    tap_end
    exit
fi
if [ -n "$unfit" ]; then
    reload
    case $(report "has $unfit") in
        unsafe) provoke "$unfit" ;;
        *) tap_skip "$unfit" "$(report "has $unfit")" ;;
    esac
    tap_end
    exit
fi
refusals
capability
reload
steps
unloads
put_back
trap - EXIT
timeouts_are_back() { for timeout in $old; do test "$(cat "${timeout%%=*}")" = "${timeout#*=}" || { echo "$timeout"; return 1; }; done; }
tap_check 'the time-outs are as they were' timeouts_are_back
tool
for kind in $(kinds); do
    case $(report "has $kind") in
        yes) provoke "$kind" ;;
        *) tap_skip "$kind" "$(report "has $kind")" ;;
    esac
done
tap_check 'rmmod' rmmod rust_rcu_demo
tap_check 'no thread is left' no_threads
tap_end
