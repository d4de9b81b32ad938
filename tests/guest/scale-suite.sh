#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest: the measurements of `scale`, with few passes. Checks the rows of each kind,
# that their figures are plausible, the streams of addresses and answers, and that the table stays
# unchanged. Prints TAP. Needs beside it: helpers.sh, rows.sh, tap.sh, routes. scale-runs-suite.sh
# tests the runs themselves.
#
# SCALE_SLOW=y, for a slow machine: fewer passes, and no second computation of a stream.
# shellcheck source=tests/guest/rows.sh
. ./rows.sh

slow=${SCALE_SLOW:-}
passes=16384 changes=20 waits=5 runs=2
[ -z "$slow" ] || passes=4096 changes=5 waits=2 runs=1

job=scale
cpus=$(nproc)
report=$parameters/scale

differ() { test -n "$1" && test "$1" != "$2"; }
# measures KIND: a run of KIND completes.
measures() { set_parameter scale "$1\n" && becomes state idle 60 && reports result 'done'; }
labels_are() { same "$1" "$(labels $report)"; }
plausible() { figures_are_plausible $report $((runs * ((passes + batch - 1) / batch))); }
table_is() { rcuctl route show --long >shown && cmp shown "$1"; }

# Prints the numbers of readers in a run: 1, and the number of CPUs.
reader_counts() { if [ "$cpus" -gt 1 ]; then echo "1 $cpus"; else echo 1; fi; }
read_labels() {
    for readers in $(reader_counts); do
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
        for readers in $(reader_counts); do
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

# Each change is counted as often as requested. As many routes are added again as were deleted.
changes_are_counted() {
    # shellcheck disable=SC2016 # awk's fields.
    rows $report | awk -v "all=$((runs * changes))" '
        { split($2, reclaim, "="); split($3, change, "="); split($4, count, "=") }
        change[2] == "delete" { deleted = count[2] }
        change[2] == "add" && count[2] != deleted { print "deleted " deleted ": " $0; bad = 1 }
        reclaim[2] ~ /^(call|kvfree)$/ && count[2] != all { print "expected " all ": " $0; bad = 1 }
        count[2] < 1 || count[2] > all { print "count: " $0; bad = 1 }
        END { exit bad || !NR }'
}
# A file in sysfs is at most a page, and the kernel would cut a longer report.
fits_a_page() { test "$(wc -c <$report)" -lt 4095 && tail -n 1 $report | grep ' behind=[0-9]*$'; }

# Prints the lines of streams, each with a hash of its addresses and a hash of its answers.
streams() { grep '^stream ' $report; }
# hash_of addresses|answers FAMILY STREAM
hash_of() { streams | sed -n "s/^stream family=$2 stream=$3 .* $1=\([0-9a-f]*\).*/\1/p"; }
# all_differ STREAMS: the streams a and b have other addresses now than in STREAMS.
all_differ() {
    for family in inet inet6; do
        for stream in a b; do
            differ "$(hash_of addresses $family $stream)" \
                "$(echo "$1" | sed -n "s/^stream family=$family stream=$stream .* addresses=\([0-9a-f]*\) .*/\1/p")" || return
        done
    done
}

# random_addresses SEED: prints IPv4's stream a as scale/stream.rs defines it.
random_addresses() {
    state=$1
    for _ in $(seq $batch); do
        state=$((state + 0x9e3779b97f4a7c15))
        # The masks remove the copies of the sign that >> shifts in.
        z=$(((state ^ (state >> 30 & 0x3ffffffff)) * 0xbf58476d1ce4e5b9))
        z=$(((z ^ (z >> 27 & 0x1fffffffff)) * 0x94d049bb133111eb))
        z=$(((z ^ (z >> 31 & 0x1ffffffff)) >> 32 & 0xffffffff))
        echo $((z >> 24)).$((z >> 16 & 255)).$((z >> 8 & 255)).$((z & 255))
    done
}
# Prints the hash of 64-bit words: lines HIGH LOW for addresses, WORD for answers.
hash_words() {
    hash=$((0xcbf29ce484222325))
    while read -r words; do
        for word in $words; do hash=$(((hash ^ word) * 0x100000001b3)); done
    done
    printf '%016x' $hash
}
# shellcheck disable=SC2016 # awk's fields.
address_words() { awk -F. '{ printf "0x%02x%02x%02x%02x00000000 0\n", $1, $2, $3, $4 }' asked; }
# shellcheck disable=SC2016 # awk's fields.
answer_words() {
    rcuctl route get --batch asked | awk '
        $1 == "none" { print 0; next }
        { for (i = 1; i < NF; i++) if ($i == "via") { split($(i + 1), part, "."); printf "0x%02x%02x%02x%02x\n", part[1], part[2], part[3], part[4] } }'
}
addresses_are_of_seed() { random_addresses "$1" >asked && same "$(hash_of addresses inet a)" "$(address_words | hash_words)"; }
answers_are_of_device() { same "$(hash_of answers inet a)" "$(answer_words | hash_words)"; }

check_descriptions 'scale charp' 'scale_nreaders int' 'scale_loops uint' 'scale_nruns uint' 'scale_family charp' \
    'scale_writer charp' 'scale_seed uint'
tap_check 'insmod succeeds for scale' insmod "$module"

for kind in lookup update; do
    tap_check "scale=$kind starts with an empty table" set_parameter scale "$kind\n"
    becomes state idle 60
    tap_check "scale=$kind fails with ENOENT for an empty table" reports result 'failed 2 ENOENT: the table has no routes'
done
tap_check 'the log says that the table is empty' \
    log_has 'parameter scale: the table has no routes of scale_family; load some first'
tap_check 'rcuctl scale lookup exits 2 for an empty table' exits 2 rcuctl scale lookup
tap_check 'rcuctl scale --status prints the error of a failed run' \
    sh -c 'rcuctl scale --status | grep ENOENT'
tap_check 'a route is added for inet' rcuctl route add 10.0.0.0/8 via 192.0.2.1
set_parameter scale_family 'inet6\n'
tap_check 'scale_family=inet6 fails with routes of inet only' \
    fails_with 'failed' rcuctl scale lookup
set_parameter scale_family 'both\n'
set_parameter scale_loops "$passes\n"
set_parameter scale_nruns "$runs\n"
tap_check 'scale_family=both succeeds with routes of inet only' measures lookup
tap_check 'scale_family=both with routes of inet only has rows of inet only' \
    labels_are "$(lookup_labels none inet)"
rcuctl route flush

awk -v "every=$(($(wc -l <routes) / 2000 + 1))" 'NR % every == 1 || every == 1' routes >some
tap_check 'routes of both families load' rcuctl route load some

tap_check 'read: a run completes' measures read
tap_check 'read: there is a row for each primitive, with one reader and on all CPUs' \
    labels_are "$(read_labels)"
tap_check 'read: the figures are plausible' plausible
tap_check 'read: the number of runs is the requested one' reports passed $runs
tap_check 'read: the number of loops is the requested one' reports loops "$passes"
set_parameter scale_nreaders '1\n'
tap_check 'read: a run with one reader completes' measures read
tap_check 'read: nreaders=1 gives only rows of one reader' \
    labels_are "$(read_labels | grep 'readers=1$')"
set_parameter scale_nreaders '512\n'
set_parameter scale_loops "$waits\n"
tap_check 'gp: a run completes' measures gp
tap_check 'gp: the CPUs limit the number of readers' reports readers "$cpus"
tap_check 'gp: there is a row for each way to wait, on idle CPUs and beside readers' \
    labels_are "$(gp_labels)"
tap_check 'gp: the figures are plausible' plausible
tap_check 'gp: the number of waits is the requested one' counts_are $((waits * runs)) $report
set_parameter scale_nreaders '-1\n'
set_parameter scale_loops "$passes\n"

tap_check 'lookup: a run completes' measures lookup
tap_check 'lookup: there is a row for each family and stream, with one reader and on all CPUs' \
    labels_are "$(lookup_labels none inet inet6)"
tap_check 'lookup: the figures are plausible' plausible
first=$(streams)
tap_check 'lookup: the report has two streams of each family' test "$(echo "$first" | wc -l)" = 4
tap_check 'lookup: a second run completes' measures lookup
tap_check 'lookup: the same seed gives the same addresses and answers' same "$first" "$(streams)"
set_parameter scale_seed '2\n'
for writer in paced full; do
    set_parameter scale_writer "$writer\n"
    tap_check "lookup, $writer writer: a run completes" measures lookup
    tap_check "lookup, $writer writer: each stream has rows with and without the writer" \
        labels_are "$(lookup_labels $writer inet inet6)"
    tap_check "lookup, $writer writer: the figures are plausible" plausible
    tap_check "lookup, $writer writer: the table is unchanged" table_is some
done
tap_check 'lookup: another seed gives other addresses' all_differ "$first"
set_parameter scale_writer 'none\n'
set_parameter scale_family 'inet6\n'
tap_check 'lookup: a run of one family completes' measures lookup
tap_check 'lookup: a run of one family has no row of the other family' \
    labels_are "$(lookup_labels none inet6)"
set_parameter scale_family 'inet\n'
set_parameter scale_loops "$batch\n"
tap_check 'lookup: a run of one batch completes' measures lookup
asked=$(hash_of addresses inet a) answered=$(hash_of answers inet a)
if [ -z "$slow" ]; then
    tap_check 'lookup: the addresses follow from the seed' addresses_are_of_seed 2
    tap_check "lookup: the answers are the device's" answers_are_of_device
fi
tap_check 'the default route is replaced' rcuctl route replace 0.0.0.0/0 via 192.0.2.7
tap_check 'lookup: a run with another default route completes' measures lookup
tap_check 'lookup: another default route keeps the addresses' \
    same "$asked" "$(hash_of addresses inet a)"
tap_check 'lookup: another default route changes the answers' \
    differ "$answered" "$(hash_of answers inet a)"
rcuctl route load --replace some
set_parameter scale_family 'both\n'

set_parameter scale_loops "$changes\n"
set_parameter reclaim 'kvfree\n'
tap_check 'update: a run completes' measures update
tap_check 'update: there is a row for each family, reclaim mode and change' \
    labels_are "$(update_labels)"
tap_check 'update: the figures are plausible' plausible
tap_check 'update: the number of changes is the requested one' changes_are_counted
tap_check 'update: the report fits a page' fits_a_page
tap_check 'update: the table is unchanged' table_is some
tap_check 'update: the reclaim mode is unchanged' same kvfree "$(cat $parameters/reclaim)"

# rcuctl prints a table for people and JSON for programs. On a slow machine a reader may lose its
# CPU in each batch, and its row then has no figure.
ratios_are_there() {
    # shellcheck disable=SC2016 # awk's fields.
    sed -n '/^rcu /,/^$/p' "$1" | grep . | awk '
        /not in this kernel$/ { next }
        $1 == "rcu" { rcu = $3; wanted = "^1\\.00$" }
        $1 != "rcu" { wanted = "^[0-9.]+$" }
        rcu == "-" || $3 == "-" { wanted = "^-$" }
        $NF !~ wanted { print; bad = 1 }
        END { exit bad || !NR }'
}
before=$(settings)
rcuctl scale read --runs 3 --loops 8192 --readers 1 >text
tap_check 'rcuctl scale read succeeds' test $? = 0
tap_check 'rcuctl scale read prints its settings' \
    grep -x 'read: done, 3 of 3 runs (.*loops 8192, readers 1.*)' text
tap_check 'rcuctl scale read prints a line for each row' \
    test "$(grep -cE '^(rcu|nothing|srcu|seqlock|refcount|rwlock|rwsem|spinlock|mutex) ' text)" = 9
tap_check 'rcuctl scale read prints a ratio for each row with figures' ratios_are_there text
tap_check 'rcuctl scale restores the parameters' settings_are "$before"
rcuctl --json scale update --runs 1 --loops 4 >json
tap_check 'rcuctl --json scale update succeeds' test $? = 0
echo "# scale.json $(cat json)"
tap_check 'rcuctl --json scale update prints one line' test "$(wc -l <json)" = 1
tap_check 'rcuctl scale exits 1 for a refused option' \
    sh -c 'rcuctl scale read --runs 5 --readers 513 2>/dev/null; test $? = 1'
tap_check 'a refused option of rcuctl scale changes no parameter' settings_are "$before"
tap_check 'a refused option of rcuctl scale starts no run' reports kind update
tap_check 'rmmod succeeds after scale' rmmod rust_rcu_demo
tap_end
