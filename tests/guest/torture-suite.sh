#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest: torture of RCU, of SRCU and of the route table; the built-in bugs, which
# torture must catch; starting, stopping and unloading. Prints TAP. Needs beside it: helpers.sh,
# tap.sh, routes, addresses, answers.
#
# Environment: TORTURE_SECS, the minimum duration of a run (default 3); TORTURE_BUG_SECS, the time
# within which a bug must be caught (60); TORTURE_TYPES (all).
# shellcheck source=tests/guest/helpers.sh
. ./helpers.sh

secs=${TORTURE_SECS:-3}
bug_secs=${TORTURE_BUG_SECS:-60}
types=${TORTURE_TYPES:-rcu srcu table}

job=torture

# counted COUNTER...: each is above 0.
counted() {
    # shellcheck disable=SC2016 # awk's fields.
    awk -v "names=$*" '
        { value[$1] = $2 }
        END {
            n = split(names, name, " ")
            for (i = 1; i <= n; i++) if (value[name[i]] + 0 <= 0) { print name[i] " is 0"; bad = 1 }
            exit bad
        }' $parameters/torture
}
lasts() { test "$(report seconds)" -ge "$1"; }
# torture_until_counted COUNTERS ARGUMENT...: runs torture for at least $secs seconds, and until all
# COUNTERS are above 0, which takes longer on a slow machine. Returns rcuctl's exit status.
torture_until_counted() {
    awaited=$1
    shift
    rcuctl torture --secs 0 "$@" &
    client=$!
    # shellcheck disable=SC2086 # Several words.
    within 10 reports state running && within 600 lasts "$secs" && within 600 counted $awaited
    kill -INT $client
    wait $client
}
prints_match() {
    pattern=$1
    shift
    "$@" 2>&1 | grep "$pattern"
}

check_descriptions 'torture bool' 'torture_type charp' 'bug charp' 'nreaders int' 'nfakewriters int' 'gp_sync bool' \
    'gp_exp bool' 'gp_call bool' 'gp_poll bool' 'gp_cond bool' 'gp_work bool' 'stat_interval uint' 'stutter uint' \
    'onoff_interval uint' 'shutdown_secs uint'

tap_check 'insmod refuses an unknown torture_type' \
    fails_with 'Invalid parameters' insmod "$module" torture_type=fast
tap_check 'insmod with an unknown torture_type: the log has the valid types' \
    log_has 'parameter torture_type: expected rcu, srcu or table, found "fast"'
tap_check 'rcuctl torture without the module says how to load it' \
    fails_with 'is the module loaded? sudo insmod' rcuctl torture --parameters /nowhere
tap_check 'rcuctl torture --status loads the module' rcuctl torture --status
tap_check 'after rcuctl torture --status the module is loaded' test -e $parameters
tap_check 'a module that rcuctl loaded can be unloaded' rmmod rust_rcu_demo
tap_check 'insmod succeeds for torture' insmod "$module"
tap_check 'before the first run torture is idle' reports state idle
tap_check 'before the first run there is no verdict' reports verdict none
tap_check 'before the first run there is no torture thread' no_threads

before=$(settings)
refuses 'Invalid argument' torture_type slow 'rcu, srcu or table'
refuses 'Invalid argument' bug skip \
    'none, skip_gp, early_free, plain_store, lost_callback, reuse_before_gp, torn_transaction or lost_change'
refuses 'Invalid argument' torture perhaps 'y or n'
refuses 'out of range' nreaders -2 'a number from -1 to 512'
tap_check 'stutter=soon is refused' fails_with 'Invalid argument' set_parameter stutter 'soon\n'
if [ -e /sys/devices/system/cpu/cpu1/online ]; then
    tap_check 'torture with CPU hotplug succeeds' torture_until_counted hotplugs --onoff 1
    tap_check 'torture with CPU hotplug took CPUs offline' counted hotplugs
    tap_check 'torture with CPU hotplug leaves all CPUs online' \
        test "$(cat /sys/devices/system/cpu/online)" = "$(cat /sys/devices/system/cpu/present)"
else
    tap_check 'CPU hotplug is refused by a kernel without it' \
        fails_with 'Operation not supported' rcuctl torture --onoff 1
    tap_check 'the log says that the kernel has no CPU hotplug' \
        log_has 'parameter onoff_interval: this kernel has no CONFIG_HOTPLUG_CPU'
fi
tap_check 'a bug of tables is refused for RCU' \
    fails_with 'Invalid argument' rcuctl torture --bug lost_change
tap_check 'the log says which type a bug of tables needs' \
    log_has 'parameter torture: bug=lost_change needs torture_type=table'
for setting in torture=1 torture=0 onoff_interval=1; do check_capability "$setting"; done
tap_check 'refused values change no parameter' settings_are "$before"
tap_check 'refused writers start no run' reports state idle

runs=$(report runs)
tap_check 'torture=1 starts a run' set_parameter torture '1\n'
tap_check 'after torture=1 torture is running' reports state running
check_exclusion 1 0 torture --bug skip_gp
within 10 lasts 1
tap_check 'rcuctl torture --status prints the run' \
    prints_match 'has been active for' rcuctl torture --status
tap_check 'rcuctl torture --stop prints the verdict' \
    prints_match '^SUCCESS: no error' rcuctl torture --stop
tap_check 'after rcuctl torture --stop torture is idle' reports state idle
tap_check 'rcuctl torture --stop without a run says so' \
    prints_match 'no torture run is active' rcuctl torture --stop
tap_check 'torture=1 starts a second run' set_parameter torture '1\n'
tap_check 'a second run has the next number' reports runs $((runs + 2))
within 10 lasts 1
tap_check 'torture=0 stops a run' set_parameter torture '0\n'
tap_check 'after torture=0 torture becomes idle' becomes state idle 60
tap_check 'a stopped run has the verdict SUCCESS' reports verdict SUCCESS
tap_check 'a stopped run leaves no worker thread' no_worker_threads
# A run of less than a second has proved nothing.
has_no_early_verdict() {
    set_parameter torture '1\n' && set_parameter torture '0\n' && becomes state idle 60 || return
    if lasts 1; then reports verdict SUCCESS; else reports verdict none; fi
}
tap_check 'a run that is stopped at once has no verdict' has_no_early_verdict
tap_check 'shutdown_secs ends a run whose threads still start' \
    sh -c 'rcuctl torture --secs 1 --readers 512 >many 2>&1; cat many; grep -E "^(SUCCESS: no error in|no verdict: the run ended after) [0-9]* s" many'

# rcuctl is interrupted during a run, then killed during another one.
rcuctl torture --secs 0 --stutter 2 >interrupted 2>&1 &
client=$!
within 10 reports state running
within 10 counted reads
within 10 lasts 1
tap_check 'rcuctl torture restores the parameters during the run' within 10 settings_are "$before"
kill -INT $client
wait $client
status=$?
tap_check 'rcuctl torture exits 0 after an interrupt' test $status = 0
tap_check 'rcuctl torture prints the verdict after an interrupt' \
    grep '^SUCCESS: no error in [0-9]' interrupted
tap_check 'an interrupt of rcuctl torture ends the run' reports state idle

(
    rcuctl torture --secs 3 >/dev/null 2>&1 &
    becomes state running 10
    # rcuctl restores the parameters right after the start.
    within 10 settings_are "$before"
    kill -KILL $!
)
# On a busy machine the run may have reached its end meanwhile.
runs_or_ran() { reports state running || lasts "$1"; }
tap_check 'a run continues after rcuctl was killed' runs_or_ran 3
tap_check 'a run ends after rcuctl was killed' becomes state idle 60
tap_check 'a run ends at its requested time after rcuctl was killed' lasts 3

# Torture of each type, without a bug.
all_counters='reads updates grace_periods fake_updates'
pointer_counters='gp_sync gp_exp gp_call gp_work gp_poll gp_cond barriers cookies floods flood_most_waiting flood_most_drain_ms nested_reads irq_reads timer_reads softirq_reads exit_reads'
for type in $types; do
    case $type in
        rcu) counters="$all_counters $pointer_counters overlapping_reads spin_lock_reads gp_kvfree" ;;
        srcu) counters="$all_counters $pointer_counters sleeping_reads" ;;
        table) counters='reads updates fake_updates lookups groups dumps adds changes deletes transactions reloads' ;;
    esac
    tap_check "$type: torture succeeds" torture_until_counted "$counters" --type "$type"
    tap_check "$type: the report has the type" reports type "$type"
    tap_check "$type: the run took $secs s" lasts "$secs"
    tap_check "$type: there is no error" reports errors 0
    for counter in $counters; do
        tap_check "$type: $counter is above 0" counted "$counter"
    done
done
tap_check 'torture with --gp poll,work succeeds' exits 0 rcuctl torture --secs 2 --gp poll,work
tap_check 'torture with --gp poll,work polls' counted gp_poll
tap_check 'torture with --gp poll,work queues work' counted gp_work
tap_check 'torture with --gp poll,work does not wait synchronously' reports gp_sync 0
prints_one_document() {
    rcuctl --json torture --secs 2 >json 2>&1
    cat json
    test "$(wc -l <json)" = 1 && grep -q '^{.*"verdict":"SUCCESS".*}$' json
}
tap_check 'rcuctl --json torture prints only the result' prints_one_document

# catches TYPE BUG FINDING: torture catches BUG and reports FINDING.
catches() {
    rcuctl torture --secs "$bug_secs" --type "$1" --bug "$2" --expect-failure >caught 2>&1
    status=$?
    cat caught
    test $status = 0 && grep -q "^FAILURE, as expected: bug=$2 was caught after" caught && grep -Eq "$3" caught
}
finding_of() {
    case $1-$2 in
        table-skip_gp | table-early_free) echo 'table: reader reached a reclaimed node' ;;
        # A lookup or a dump may detect the bug first.
        table-plain_store | table-lost_change) echo 'table: (reader got an answer that was not valid|dump was wrong)' ;;
        table-lost_callback) echo 'table: retired memory was never reclaimed' ;;
        table-torn_transaction) echo 'table: (snapshot showed half a transaction|reader got an answer that was not valid|dump was wrong)' ;;
        # Any reader may be the first to find the next hop of another route.
        table-reuse_before_gp) echo 'table: ' ;;
        *-skip_gp) echo 'was retired grace periods ago' ;;
        *-early_free) echo 'that was freed' ;;
        *-plain_store) echo 'before it was initialised' ;;
        *-lost_callback) echo 'returned before callbacks had run' ;;
        *-reuse_before_gp) echo 'element reused' ;;
    esac
}
for type in $types; do
    bugs='skip_gp early_free plain_store lost_callback reuse_before_gp'
    if [ "$type" = table ]; then bugs="$bugs torn_transaction lost_change"; fi
    for bug in $bugs; do
        finding=$(finding_of "$type" "$bug")
        tap_check "$type: bug=$bug is caught" catches "$type" "$bug" "$finding"
    done
done
tap_check 'rcuctl torture exits 2 for a bug' \
    sh -c "rcuctl torture --secs $bug_secs --bug skip_gp >/dev/null 2>&1; test \$? = 2"
tap_check 'torture succeeds after runs with bugs' exits 0 rcuctl torture --secs 1
tap_check 'runs with bugs leave the parameters unchanged' settings_are "$before"

# Torture while the real table is loaded, queried, replaced and saved, with CPU hotplug where the
# kernel has it.
head -n 20000 addresses >some_addresses
head -n 20000 answers >some_answers
onoff=
if [ -e /sys/devices/system/cpu/cpu1/online ]; then onoff='--onoff 1'; fi
use_device() {
    rcuctl route load routes && rcuctl route get --long --batch some_addresses >got && cmp got some_answers &&
        rcuctl route load --replace routes && rcuctl route save saved && cmp saved routes && rcuctl route flush
}
tortures_beside_device() {
    # shellcheck disable=SC2086 # Two words or none.
    rcuctl torture --secs 0 --type "$1" $onoff >busy 2>&1 &
    client=$!
    use_device
    used=$?
    # A run of less than a second has no verdict.
    within 600 lasts 2
    kill -INT $client
    wait $client
    verdict=$?
    cat busy
    test $used = 0 -a $verdict = 0
}
for type in $types; do
    tap_check "$type: torture succeeds while the device is in use $onoff" \
        tortures_beside_device "$type"
done
tap_check 'a flushed table has no object after torture' stat_is objects 0
tap_check 'rmmod succeeds after torture' rmmod rust_rcu_demo
tap_check 'rmmod leaves no torture thread' no_threads

start_torture() { insmod "$module" torture=1 "torture_type=$1" stat_interval=1; }
unload_repeatedly() {
    for pause in 0.1 0.2 0.4 0.7 1; do
        unload_during start_torture "$1" || return
    done
}
for type in $types; do
    tap_check "$type: rmmod during a run leaves no thread, 5 times" unload_repeatedly "$type"
done
tap_end
