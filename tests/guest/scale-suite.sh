#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest: what `scale` measures, in small: that each kind has the rows that it should, that streams of
# addresses and answers are what they say, that a run can be refused, stopped and unloaded at any time, and leaves
# the table as it was. Times are not looked at. Prints TAP. Expects beside it: helpers.sh, tap.sh, routes.
#
# SCALE_SLOW=y, for a slow machine: less of everything, and no streams made once more in shell.
# shellcheck source=tests/guest/helpers.sh
. ./helpers.sh

slow=${SCALE_SLOW:-}
passes=16384 changes=20 waits=5 runs=2
[ -z "$slow" ] || passes=4096 changes=5 waits=2 runs=1

job=scale
cpus=$(nproc)
# Nanoseconds are told in batches of so many passes.
batch=4096

differs() { test -n "$1" && test "$1" != "$2"; }

becomes_idle() { becomes state idle 60; }
ends_with() { becomes_idle && reports result "$1"; }
measures() { set_parameter scale "$1\n" && ends_with 'done'; }
knobs() { for name in nreaders loops nruns family writer seed; do cat "$parameters/scale_$name"; done | tr '\n' ' '; }
table_is() { rcuctl route show >shown && cmp shown "$1"; }

# On a slow machine a reader may lose its CPU in each batch; the row has no figure then. RCU is compared with itself.
ratios_are_there() {
    # shellcheck disable=SC2016 # The fields are awk's.
    sed -n '/^rcu /,/^$/p' "$1" | grep . | awk '
        /not in this kernel$/ { next }
        $1 == "rcu" { rcu = $3; wanted = "^1\\.00$" }
        $1 != "rcu" { wanted = "^[0-9.]+$" }
        rcu == "-" || $3 == "-" { wanted = "^-$" }
        $NF !~ wanted { print; bad = 1 }
        END { exit bad || !NR }'
}

# Rows without their figures: what was measured.
labels() { sed -n 's/^row //p' $parameters/scale | sed 's/ \(min\|count\|absent\)=.*//'; }
labels_are() { same "$1" "$(labels)"; }
crowds() { if [ "$cpus" -gt 1 ]; then echo "1 $cpus"; else echo 1; fi; }
read_labels() {
    for readers in $(crowds); do
        for kind in rcu nothing srcu seqlock refcount rwlock rwsem spinlock mutex; do
            echo "kind=$kind readers=$readers"
        done
    done
}
# lookup_labels WRITER FAMILY...
lookup_labels() {
    case $1 in
        none) streams='a b c d' writers=none ;;
        full) streams='b c' writers='none apart full' ;;
        *) streams='b c' writers="none $1" ;;
    esac
    shift
    for family; do
        for readers in $(crowds); do
            for stream in $streams; do
                for writer in $writers; do echo "family=$family stream=$stream writer=$writer readers=$readers"; done
            done
        done
    done
}
update_labels() {
    for family in inet inet6; do
        for reclaim in synchronize expedited call kvfree; do
            for change in replace delete add; do echo "family=$family reclaim=$reclaim change=$change"; done
        done
    done
}
gp_labels() {
    for load in idle readers; do
        for kind in synchronize expedited call; do echo "kind=$kind load=$load"; done
    done
}

# Each row's figures are above zero and in order. One of readers has none exactly if no batch was left alone, and
# only where this kernel has no function to call it is absent.
figures_are_sound() {
    # shellcheck disable=SC2016 # The fields are awk's.
    sed -n 's/^row //p' $parameters/scale | awk -v "batches=$((runs * ((passes + batch - 1) / batch)))" '
        function wrong(why) { print why ": " $0; bad = 1 }
        {
            split("", of)
            for (i = 1; i <= NF; i++) { split($i, part, "="); of[part[1]] = part[2] }
            if ("absent" in of) { if (of["kind"] != "rwlock") wrong("absent"); next }
            if (("writer" in of && of["writer"] != "none") != (of["changes"] + 0 > 0)) wrong("the changes of a writer")
            if (of["min"] == "-") {
                if (of["dropped"] != of["readers"] * batches) wrong("no figure")
                next
            }
            whole++
            n = split("p90" in of ? "min median p90 p99 max" : "min median max", name, " ")
            last = 0
            for (i = 1; i <= n; i++) {
                if (of[name[i]] + 0 < last) wrong("out of order")
                last = of[name[i]] + 0
            }
            if (of["median"] <= 0) wrong("nothing")
            if ("wall" in of && of["wall"] <= 0) wrong("no time")
            if ("dropped" in of && of["dropped"] > of["readers"] * batches) wrong("more dropped than there were")
            if ("per_second" in of && of["per_second"] <= 0) wrong("no rate")
        }
        END { if (!whole) { print "no figures"; bad = 1 }; exit bad }'
}
# Of each change as many as were asked for; deleted and added again as many.
changes_are_counted() {
    # shellcheck disable=SC2016 # The fields are awk's.
    sed -n 's/^row //p' $parameters/scale | awk -v "all=$((runs * changes))" '
        { split($2, reclaim, "="); split($3, change, "="); split($4, count, "=") }
        change[2] == "delete" { deleted = count[2] }
        change[2] == "add" && count[2] != deleted { print "deleted " deleted ": " $0; bad = 1 }
        reclaim[2] ~ /^(call|kvfree)$/ && count[2] != all { print "not " all ": " $0; bad = 1 }
        count[2] < 1 || count[2] > all { print "count: " $0; bad = 1 }
        END { exit bad || !NR }'
}
counts_are() { same "$1" "$(sed -n 's/^row .* count=\([0-9]*\) .*/\1/p' $parameters/scale | sort -u)"; }
# The file in sysfs is a page at most, and an end that is missing would not be seen otherwise.
fits_a_page() { test "$(wc -c <$parameters/scale)" -lt 4095 && tail -n 1 $parameters/scale | grep ' behind=[0-9]*$'; }

# Streams: their hashes.
streams() { grep '^stream ' $parameters/scale; }
hash_of() { streams | sed -n "s/^stream family=$2 stream=$3 .* $1=\([0-9a-f]*\).*/\1/p"; }
all_differ() {
    for family in inet inet6; do
        for stream in a b; do
            differs "$(hash_of addresses $family $stream)" \
                "$(echo "$1" | sed -n "s/^stream family=$family stream=$stream .* addresses=\([0-9a-f]*\) .*/\1/p")" || return
        done
    done
}

# IPv4's stream a and the answers to it once more, by the words of scale/stream.rs, and by the device's answers.
random_addresses() {
    state=$1
    for _ in $(seq $batch); do
        state=$((state + 0x9e3779b97f4a7c15))
        # >> keeps the sign.
        z=$(((state ^ (state >> 30 & 0x3ffffffff)) * 0xbf58476d1ce4e5b9))
        z=$(((z ^ (z >> 27 & 0x1fffffffff)) * 0x94d049bb133111eb))
        z=$(((z ^ (z >> 31 & 0x1ffffffff)) >> 32 & 0xffffffff))
        echo $((z >> 24)).$((z >> 16 & 255)).$((z >> 8 & 255)).$((z & 255))
    done
}
# Words of 64 bits, from lines HIGH LOW for addresses and WORD for answers.
hash_words() {
    hash=$((0xcbf29ce484222325))
    while read -r words; do
        for word in $words; do hash=$(((hash ^ word) * 0x100000001b3)); done
    done
    printf '%016x' $hash
}
# shellcheck disable=SC2016 # The fields are awk's.
address_words() { awk -F. '{ printf "0x%02x%02x%02x%02x00000000 0\n", $1, $2, $3, $4 }' asked; }
# shellcheck disable=SC2016 # The fields are awk's.
answer_words() {
    rcuctl route get --batch asked | awk '
        $1 == "none" { print 0; next }
        { for (i = 1; i < NF; i++) if ($i == "via") { split($(i + 1), part, "."); printf "0x%02x%02x%02x%02x\n", part[1], part[2], part[3], part[4] } }'
}
asked_is_hashed() { random_addresses "$1" >asked && same "$(hash_of addresses inet a)" "$(address_words | hash_words)"; }
answers_are_hashed() { same "$(hash_of answers inet a)" "$(answer_words | hash_words)"; }

check_descriptions 'scale charp' 'scale_nreaders int' 'scale_loops uint' 'scale_nruns uint' 'scale_family charp' \
    'scale_writer charp' 'scale_seed uint'
tap_check 'insmod of what cannot be measured fails' fails_with 'Invalid parameters' insmod "$module" scale=fast
tap_check 'and the log tells what can' log_has 'parameter scale: want none, read, lookup, update or gp, not "fast"'
insmod "$module" && rmmod rust_rcu_demo
slab=$(slab_kib)
tap_check 'insmod' insmod "$module"
tap_check 'at first there was no run' reports runs 0
tap_check 'and no result' reports result none
tap_check 'and there is no thread' no_threads
tap_check 'rcuctl says so' sh -c 'rcuctl scale --status | grep "^no scale run"'

# refused ERRNO PARAMETER VALUE WANTED
refused() {
    tap_check "$2=$3 is refused" fails_with "$1" set_parameter "$2" "$3\n"
    tap_check 'and the log tells what would do' log_has "parameter $2: want $4, not \"$3\""
}
before=$(knobs)
refused 'Invalid argument' scale everything 'none, read, lookup, update or gp'
refused 'out of range' scale_nreaders -2 'a number from -1 to 512'
refused 'out of range' scale_nreaders 513 'a number from -1 to 512'
refused 'out of range' scale_loops 67108865 'a number from 0 to 67108864'
refused 'Invalid argument' scale_loops many 'a number from 0 to 67108864'
refused 'out of range' scale_nruns 0 'a number from 1 to 1000'
refused 'Invalid argument' scale_family ipv4 'both, inet or inet6'
refused 'Invalid argument' scale_writer slow 'none, paced or full'
refused 'out of range' scale_seed 4294967296 'a number from 0 to 4294967295'
tap_check 'after all that the parameters are as they were' same "$before" "$(knobs)"
tap_check 'and no run has begun' reports runs 0

# Without routes.
for kind in lookup update; do
    tap_check "$kind of an empty table begins" set_parameter scale "$kind\n"
    tap_check 'and fails with ENOENT' ends_with 'failed 2'
done
tap_check 'the log tells why' log_has 'parameter scale: the table has no such routes; load some before'
tap_check 'rcuctl exits 2 then' exits 2 rcuctl scale lookup
tap_check 'and says what failed' sh -c 'rcuctl scale --status | grep ENOENT'
tap_check 'IPv4 routes alone' rcuctl route add 10.0.0.0/8 via 192.0.2.1
set_parameter scale_family 'inet6\n'
tap_check 'are none for inet6' fails_with "failed" rcuctl scale lookup
set_parameter scale_family 'both\n'
set_parameter scale_loops "$passes\n"
set_parameter scale_nruns "$runs\n"
tap_check 'but enough for both' measures lookup
tap_check 'of which it has one' labels_are "$(lookup_labels none inet)"
rcuctl route flush

# Some of the real table, of both families.
awk -v "every=$(($(wc -l <routes) / 2000 + 1))" 'NR % every == 1 || every == 1' routes >some
tap_check 'routes of the real table' rcuctl route load some

tap_check 'read' measures read
tap_check 'read: each primitive, alone and on all CPUs' labels_are "$(read_labels)"
tap_check 'read: figures are sound' figures_are_sound
tap_check 'read: as often as was asked for' reports passed $runs
tap_check 'read: with as many passes' reports loops "$passes"
set_parameter scale_nreaders '1\n'
tap_check 'read with one reader' measures read
tap_check 'read: then it has no more' labels_are "$(read_labels | grep 'readers=1$')"
set_parameter scale_nreaders '512\n'
set_parameter scale_loops "$waits\n"
tap_check 'gp' measures gp
tap_check 'gp: more readers than CPUs are as many as CPUs' reports readers "$cpus"
tap_check 'gp: each way to wait, on CPUs that are idle and that read' labels_are "$(gp_labels)"
tap_check 'gp: figures are sound' figures_are_sound
tap_check 'gp: it waits as often as was asked for' counts_are $((waits * runs))
set_parameter scale_nreaders '-1\n'
set_parameter scale_loops "$passes\n"

tap_check 'lookup' measures lookup
tap_check 'lookup: each family and stream, alone and on all CPUs' labels_are "$(lookup_labels none inet inet6)"
tap_check 'lookup: figures are sound' figures_are_sound
first=$(streams)
tap_check 'lookup: two streams of each family are described' test "$(echo "$first" | wc -l)" = 4
tap_check 'lookup again' measures lookup
tap_check 'lookup: the same seed asks the same and has the same answers' same "$first" "$(streams)"
set_parameter scale_seed '2\n'
for writer in paced full; do
    set_parameter scale_writer "$writer\n"
    tap_check "lookup beside a $writer writer" measures lookup
    tap_check "lookup, $writer: each stream with the writer and what it is compared with" labels_are "$(lookup_labels $writer inet inet6)"
    tap_check "lookup, $writer: figures are sound" figures_are_sound
    tap_check "lookup, $writer: the table is as it was" table_is some
done
tap_check 'lookup: another seed asks something else' all_differ "$first"
set_parameter scale_writer 'none\n'
set_parameter scale_family 'inet6\n'
tap_check 'lookup of one family' measures lookup
tap_check 'lookup: then there is no other' labels_are "$(lookup_labels none inet6)"
set_parameter scale_family 'inet\n'
set_parameter scale_loops "$batch\n"
tap_check 'lookup of one batch' measures lookup
asked=$(hash_of addresses inet a) answered=$(hash_of answers inet a)
if [ -z "$slow" ]; then
    tap_check 'lookup: its addresses are those of the seed' asked_is_hashed 2
    tap_check "lookup: its answers are the device's" answers_are_hashed
fi
tap_check 'another default route' rcuctl route replace 0.0.0.0/0 via 192.0.2.7
tap_check 'lookup after that' measures lookup
tap_check 'lookup: it asks the same' same "$asked" "$(hash_of addresses inet a)"
tap_check 'lookup: and has other answers' differs "$answered" "$(hash_of answers inet a)"
rcuctl route load --replace some
set_parameter scale_family 'both\n'

set_parameter scale_loops "$changes\n"
set_parameter reclaim 'kvfree\n'
tap_check 'update' measures update
tap_check 'update: each family, way of reclaim and change' labels_are "$(update_labels)"
tap_check 'update: figures are sound' figures_are_sound
tap_check 'update: all changes are there' changes_are_counted
tap_check 'update: the report fits a page' fits_a_page
tap_check 'update: the table is as it was' table_is some
tap_check 'update: so is the way of reclaim' same kvfree "$(cat $parameters/reclaim)"
set_parameter reclaim 'call\n'
set_parameter scale_loops "$passes\n"

# One run at a time, which ends when it is told to.
set_parameter scale_nruns '1000\n'
before=$(knobs) number=$(report runs)
for kind in read lookup update gp; do
    tap_check "a long $kind begins" set_parameter scale "$kind\n"
    sleep 0.3
    tap_check 'and goes on' reports state running
    if [ $kind = read ]; then
        tap_check 'its threads are named' not no_threads
        tap_check 'another is refused' fails_with 'esource busy' set_parameter scale 'gp\n'
        tap_check 'and the log tells what to do' log_has 'parameter scale: a run goes on; write none to end it'
        tap_check 'rcuctl leaves it alone' fails_with 'a scale run is already active' rcuctl scale gp --runs 1
        tap_check 'with status 1' sh -c 'rcuctl scale gp --runs 1 2>/dev/null; test $? = 1'
        tap_check 'and without a change of parameters' same "$before" "$(knobs)"
        tap_check 'rcuctl shows it' sh -c 'rcuctl scale --status | grep "^read: active, "'
    fi
    tap_check 'it is told to end' set_parameter scale 'none\n'
    tap_check 'and does' ends_with stopped
    tap_check 'before it was done' test "$(report passed)" -lt 1000
done
tap_check 'a stopped update leaves the table as it was' table_is some
tap_check 'four runs have begun' reports runs $((number + 4))
tap_check 'another long run begins' set_parameter scale 'gp\n'
tap_check 'rcuctl stops it' sh -c 'rcuctl scale --stop | grep "^gp: stopped, "'
tap_check 'then it has ended' reports state idle
set_parameter scale_nruns "$runs\n"

# A reader that cannot begin yet, because its CPU is held for a second: if the others began without it, that would
# show in the time from the first one's start to the last one's end.
readers_wait_for_each_other() {
    set_parameter stall_hold_ms '1000\n' && set_parameter stall 'cpu_preempt_off\n' || return
    sleep 0.2
    measures read || return
    cat $parameters/scale
    wall=$(sed -n "s/^row kind=rcu readers=$cpus .* wall=\([0-9]*\).*/\1/p" $parameters/scale)
    test "$(report milliseconds)" -gt 500 && test "$wall" -lt $((200000000 / batch))
}
if [ -z "$slow" ] && [ "$cpus" -gt 1 ]; then
    set_parameter scale_nruns '1\n'
    set_parameter scale_loops "$batch\n"
    tap_check 'readers wait for each other' readers_wait_for_each_other
    set_parameter scale_nruns "$runs\n"
    set_parameter scale_loops "$passes\n"
fi

# CPUs that go.
online=/sys/devices/system/cpu/cpu1/online
# Where one goes offline the readers meet on another, or find that there are too few.
ends_when_a_cpu_goes() {
    set_parameter scale "$1\n" && sleep 0.3 && echo 0 >$online && ends_with 'failed 6'
    status=$?
    echo 1 >$online
    return $status
}
if [ -e $online ] && [ "$cpus" -gt 1 ]; then
    set_parameter scale_nruns '1000\n'
    for kind in read lookup; do
        tap_check "$kind ends with ENXIO when a CPU goes offline" ends_when_a_cpu_goes $kind
    done
    set_parameter scale_nruns "$runs\n"
else
    tap_skip 'a CPU goes offline' 'none can'
fi

# For people and programs.
before=$(knobs)
rcuctl scale read --runs 3 --loops 8192 --readers 1 >text
tap_check 'rcuctl scale measures' test $? = 0
tap_check 'and says what' grep -x 'read: done, 3 of 3 runs (.*loops 8192, readers 1.*)' text
tap_check 'with a line for each row' test "$(grep -cE '^(rcu|nothing|srcu|seqlock|refcount|rwlock|rwsem|spinlock|mutex) ' text)" = 9
tap_check 'each of which has a ratio, if it and RCU have figures' ratios_are_there text
tap_check 'parameters are as they were' same "$before" "$(knobs)"
rcuctl --json scale update --runs 1 --loops 4 >json
tap_check 'rcuctl --json scale measures' test $? = 0
echo "# scale.json $(cat json)"
tap_check 'it prints a line' test "$(wc -l <json)" = 1
tap_check 'a refused option changes nothing' sh -c 'rcuctl scale read --runs 5 --readers 513 2>/dev/null; test $? = 1'
tap_check 'of the parameters' same "$before" "$(knobs)"
tap_check 'nor begins a run' reports kind update

# Where memory runs out, for a task and for all threads that are new. These keep the mark for as long as they live,
# so no test after this one may switch failures on.
failslab=/sys/kernel/debug/failslab
begins_or_not() {
    number=$(report runs) begun=0 refused=0
    exec 4>$parameters/scale
    for nth in $(seq 12); do
        echo "$nth" >/proc/self/fail-nth
        if printf 'gp\n' >&4; then begun=$((begun + 1)); else refused=$((refused + 1)); fi 2>>errors
        echo 0 >/proc/self/fail-nth
        becomes_idle || return
    done
    exec 4>&-
    echo "$begun begun, $refused refused"
    test $refused -gt 2 && test $begun -gt 0 && reports runs $((number + begun)) && not grep -v 'annot allocate' errors
}
# ENOMEM; or EAGAIN, which copy_process() says when there is no memory for what makes a task a kernel thread.
has_no_memory() { case $(report result) in 'failed 12' | 'failed 11') ;; *) false ;; esac; }
ends_or_fails() {
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
    cat $parameters/scale
    echo "$failed failed"
    reports state idle && { has_no_memory || reports result 'done'; } && test $failed -gt 0
}
grep -q ' /sys/kernel/debug ' /proc/mounts || mount -t debugfs none /sys/kernel/debug
if [ -e $failslab ]; then
    echo 0 >$failslab/verbose
    echo N >$failslab/ignore-gfp-wait
    echo -1 >$failslab/times
    set_parameter scale_nruns '1\n'
    : >errors
    set_parameter scale_loops '1\n'
    tap_check 'without memory a run begins or does not' begins_or_not
    set_parameter scale_loops '2\n'
    for kind in read lookup update gp; do
        tap_check "without memory $kind ends or fails" ends_or_fails $kind 10
    done
    # Which copies the table.
    set_parameter scale_writer 'full\n'
    tap_check 'without memory lookup beside a writer ends or fails' ends_or_fails lookup 10
    set_parameter scale_writer 'none\n'
    tap_check 'and the table is as it was' table_is some
    tap_check 'with memory all is well' measures gp
    set_parameter scale_nruns "$runs\n"
else
    tap_skip 'memory runs out' 'this kernel has no failslab'
fi

# What is left when it has gone.
tap_check 'flush' rcuctl route flush
tap_check 'the table has let go of all' stat_is objects 0
tap_check 'rmmod' rmmod rust_rcu_demo
tap_check 'no thread is left' no_threads
tap_check 'insmod can begin a run' insmod "$module" scale=gp scale_loops=2 scale_nruns=1
tap_check 'which ends' ends_with 'done'
rmmod rust_rcu_demo

# Unloading in the middle, with someone who reads the parameter all the time.
unload_in_the_middle() {
    insmod "$module" scale_nruns=1000 && rcuctl route load some && set_parameter scale "$1\n" || return
    while cat $parameters/scale; do sleep 0.01; done >/dev/null 2>&1 &
    sleep 0.2
    reports state running || return
    rmmod rust_rcu_demo || return
    wait $!
    no_threads
}
kinds='read lookup update gp'
[ -z "$slow" ] || kinds='read update'
for kind in $kinds; do
    tap_check "rmmod in the middle of $kind leaves no thread" unload_in_the_middle "$kind"
done
# The table is 600 KiB, and so is what a run has; the allocator keeps a little for itself. KASAN keeps more.
now=$(slab_kib)
[ -n "$slow" ] || tap_check "nor is memory left (slab $slab KiB at first, $now KiB now)" test $((now - slab)) -lt 3072
tap_end
