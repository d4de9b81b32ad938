#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest: torture of RCU, of SRCU and of the route table, the mistakes that it has to catch, and
# starting, stopping and unloading at any time. Prints TAP. Expects beside it: helpers.sh, tap.sh, routes,
# addresses, answers.
#
# By environment, for a slow machine: TORTURE_SECS of each run (default 5), TORTURE_BUG_SECS within which a
# mistake has to be caught (10), TORTURE_UNLOADS in the middle of a run (5), TORTURE_TYPES (all).
# shellcheck source=tests/guest/helpers.sh
. ./helpers.sh

secs=${TORTURE_SECS:-5}
bug_secs=${TORTURE_BUG_SECS:-10}
unloads=${TORTURE_UNLOADS:-5}
types=${TORTURE_TYPES:-rcu srcu table}

job=torture

counted() { test "$(report "$1")" -gt 0; }
all_settings() { for file in "$parameters"/*; do test "$file" = $parameters/torture || echo "$file $(cat "$file")"; done; }
settings_are() { test "$(all_settings)" = "$1" || { all_settings; return 1; }; }

check_descriptions 'torture bool' 'torture_type charp' 'bug charp' 'nreaders int' 'nfakewriters int' 'gp_sync bool' \
    'gp_exp bool' 'gp_call bool' 'gp_poll bool' 'gp_cond bool' 'gp_work bool' 'stat_interval uint' 'stutter uint' \
    'onoff_interval uint' 'shutdown_secs uint'

tap_check 'insmod of a torture that is unknown fails' fails_with 'Invalid parameters' insmod "$module" torture_type=fast
tap_check 'and the log tells the types' log_has 'parameter torture_type: want rcu, srcu or table, not "fast"'
tap_check 'where there is no module rcuctl says what to do' \
    fails_with 'is the module loaded? sudo insmod' rcuctl torture --parameters /nowhere
tap_check 'rcuctl loads the module' rcuctl torture --status
tap_check 'now it is there' test -e $parameters
tap_check 'rmmod of what rcuctl has loaded' rmmod rust_rcu_demo
tap_check 'insmod' insmod "$module"
tap_check 'at first there was no run' reports state idle
tap_check 'and no verdict' reports verdict none
tap_check 'and there is no thread' no_threads

before=$(all_settings)
tap_check 'an unknown type is refused' fails_with 'Invalid argument' set_parameter torture_type 'slow\n'
tap_check 'and the log tells the choices' log_has 'parameter torture_type: want rcu, srcu or table, not "slow"'
tap_check 'an unknown bug is refused' fails_with 'Invalid argument' set_parameter bug 'skip\n'
tap_check 'and the log tells all bugs' \
    log_has 'parameter bug: want none, skip_gp, early_free, plain_store, lost_callback, reuse_before_gp, torn_transaction or lost_change, not "skip"'
tap_check 'what is neither yes nor no is refused' fails_with 'Invalid argument' set_parameter torture 'perhaps\n'
tap_check 'and the log tells what would do' log_has 'parameter torture: want y or n, not "perhaps"'
tap_check 'fewer readers than none are refused' fails_with 'out of range' set_parameter nreaders '-2\n'
tap_check 'and the log tells the range of readers' log_has 'parameter nreaders: want a number from -1 to 512, not "-2"'
tap_check 'so are seconds that are no number' fails_with 'Invalid argument' set_parameter stutter 'soon\n'
if [ -e /sys/devices/system/cpu/cpu1/online ]; then
    tap_check 'CPUs can go and come' exits 0 rcuctl torture --secs "$secs" --onoff 1
    tap_check 'and have' counted hotplugs
    tap_check 'and are all back' test "$(cat /sys/devices/system/cpu/online)" = "$(cat /sys/devices/system/cpu/present)"
else
    tap_check 'CPUs that cannot go offline are not asked to' fails_with 'Operation not supported' rcuctl torture --onoff 1
    tap_check 'and the log tells why' log_has 'parameter onoff_interval: this kernel has no CONFIG_HOTPLUG_CPU'
fi
tap_check 'a bug that only tables have is refused for others' fails_with 'Invalid argument' rcuctl torture --bug lost_change
tap_check 'and the log tells what it wants' log_has 'parameter torture: bug=lost_change wants torture_type=table'
tap_check 'after all that parameters are as they were' settings_are "$before"

# A run by hand.
runs=$(report runs)
tap_check 'a run begins' set_parameter torture '1\n'
tap_check 'and goes on' reports state running
tap_check 'another is refused' fails_with 'esource busy' set_parameter torture '1\n'
tap_check 'and the log tells what to do' log_has 'parameter torture: a run goes on; write 0 to end it'
tap_check 'rcuctl leaves it alone' fails_with 'a torture run is already active' rcuctl torture --bug skip_gp
tap_check 'with status 1' sh -c 'rcuctl torture 2>/dev/null; test $? = 1'
tap_check 'and without a change of parameters' settings_are "$before"
tap_check 'rcuctl shows it' sh -c 'rcuctl torture --status | grep "has been active for"'
tap_check 'its threads are named' not no_threads
tap_check 'rcuctl stops it' sh -c 'rcuctl torture --stop | grep "^SUCCESS: no error"'
tap_check 'then it has ended' reports state idle
tap_check 'there is nothing left to stop' sh -c 'rcuctl torture --stop | grep "no torture run is active"'
tap_check 'a second run begins' set_parameter torture '1\n'
tap_check 'it is another one' reports runs $((runs + 2))
tap_check 'it is told to stop' set_parameter torture '0\n'
tap_check 'and does' becomes state idle $((10 + secs))
tap_check 'its verdict is SUCCESS' reports verdict SUCCESS
tap_check 'it has left no thread but the one that conducted it' test "$(threads | wc -l)" -le 1

# A run of rcuctl that is told to stop, and one that is killed.
rcuctl torture --secs 0 --stutter 2 >interrupted 2>&1 &
client=$!
sleep 2
tap_check 'parameters are put back while the run goes on' settings_are "$before"
kill -INT $client
wait $client
status=$?
tap_check 'an interrupted run has its verdict' test $status = 0
tap_check 'and shows it' grep '^SUCCESS: no error in [1-9]' interrupted
tap_check 'and has ended' reports state idle

(
    rcuctl torture --secs 3 >/dev/null 2>&1 &
    sleep 1
    kill -KILL $!
)
tap_check 'a run goes on when rcuctl was killed' reports state running
tap_check 'and ends all the same' becomes state idle $((10 + secs))
tap_check 'at the time that was asked for' test "$(report seconds)" -ge 3 -a "$(report seconds)" -le 5

# Each type, as it is.
all_move='reads updates grace_periods fake_updates'
pointers_move='gp_sync gp_exp gp_call gp_work gp_poll gp_cond barriers cookies floods nested_reads irq_reads'
for type in $types; do
    case $type in
        rcu) move="$all_move $pointers_move overlapping_reads preempt_off_reads gp_kvfree" ;;
        srcu) move="$all_move $pointers_move sleeping_reads" ;;
        table) move='reads updates fake_updates lookups groups dumps adds changes deletes transactions reloads' ;;
    esac
    tap_check "$type: $secs s of torture succeed" exits 0 rcuctl torture --secs "$secs" --type "$type"
    tap_check "$type: it was that type" reports type "$type"
    tap_check "$type: it took that long" test "$(report seconds)" -ge "$secs"
    tap_check "$type: no error" reports errors 0
    for counter in $move; do
        tap_check "$type: $counter moved" counted "$counter"
    done
done
tap_check '--gp chooses' exits 0 rcuctl torture --secs 2 --gp poll,work
tap_check 'what was chosen moved' counted gp_poll
tap_check 'as all of it' counted gp_work
tap_check 'and nothing else did' reports gp_sync 0
only_a_document() {
    rcuctl --json torture --secs 2 >json 2>&1
    cat json
    test "$(wc -l <json)" = 1 && grep -q '^{.*"verdict":"SUCCESS".*}$' json
}
tap_check '--json is the result and nothing else' only_a_document

# Each mistake, in each type that can make it: caught in time, and by its own name.
caught() {
    rcuctl torture --secs "$bug_secs" --type "$1" --bug "$2" --expect-failure >caught 2>&1
    status=$?
    cat caught
    test $status = 0 && grep -q "^FAILURE, as expected: bug=$2 was caught after" caught && grep -Eq "$3" caught &&
        test "$(sed -n 's/.* was caught after \([0-9]*\)\..*/\1/p' caught)" -le "$bug_secs"
}
finding_of() {
    case $1-$2 in
        table-skip_gp | table-early_free) echo 'table: reader reached a reclaimed node' ;;
        # Whoever looks first: a reader that looks up, or one that dumps.
        table-plain_store | table-lost_change) echo 'table: (reader was told what was not valid|dump was wrong)' ;;
        table-lost_callback) echo 'table: what was retired never came back' ;;
        table-torn_transaction) echo 'table: (snapshot showed half a transaction|reader was told what was not valid|dump was wrong)' ;;
        # A next hop of someone else, wherever it is met first.
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
        tap_check "$type: bug=$bug is caught" caught "$type" "$bug" "$finding"
    done
done
tap_check 'a bug makes the exit status 2' sh -c 'rcuctl torture --secs 10 --bug skip_gp >/dev/null 2>&1; test $? = 2'
tap_check 'the next run is right again' exits 0 rcuctl torture --secs 1
tap_check 'and parameters are as they were' settings_are "$before"

# The device is used meanwhile: the real table is loaded, queried, replaced and saved. CPUs go and come where they can.
onoff=
if [ -e /sys/devices/system/cpu/cpu1/online ]; then onoff='--onoff 1'; fi
device_works() {
    rcuctl route load routes && rcuctl route get --batch addresses >got && cmp got answers &&
        rcuctl route load --replace routes && rcuctl route save saved && cmp saved routes && rcuctl route flush
}
with_a_busy_device() {
    # shellcheck disable=SC2086 # Two words, or none.
    rcuctl torture --secs 0 --type "$1" $onoff >busy 2>&1 &
    client=$!
    device_works
    works=$?
    kill -INT $client
    wait $client
    verdict=$?
    cat busy
    test $works = 0 -a $verdict = 0
}
for type in $types; do
    tap_check "$type: torture while the device is busy $onoff" with_a_busy_device "$type"
done
tap_check 'the device has let go of all' stat_is objects 0
tap_check 'rmmod' rmmod rust_rcu_demo
tap_check 'no thread is left' no_threads

# Unloading in the middle, with someone who reads the parameters all the time.
unload_in_the_middle() {
    for _ in $(seq "$unloads"); do
        insmod "$module" torture=1 torture_type="$1" stat_interval=1 || return
        while cat $parameters/*; do :; done >/dev/null 2>&1 &
        sleep 1
        reports state running || return
        rmmod rust_rcu_demo || return
        wait $!
        no_threads || return
    done
}
for type in $types; do
    tap_check "$type: rmmod in the middle, $unloads times, leaves no thread" unload_in_the_middle "$type"
done
tap_end
