#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest, user-mode Linux: the benchmarks compare like with like. The kernel's own tables, filled by
# peers.ko with the routes that the module's table has, are asked the same and have the same answers. Prints TAP.
# Expects beside it: tap.sh, routes, peers.ko.
# shellcheck source=tests/tap.sh
. ./tap.sh

passes=16384
changes=50
runs=2

module=$(echo /lib/modules/*/extra/rust_rcu_demo.ko)
parameters=/sys/module/rust_rcu_demo/parameters
peers='fib_trie:inet lpm_trie:inet fib6:inet6 lpm_trie:inet6'

not() { ! "$@"; }
# same EXPECTED GOT
same() { { [ -n "$1" ] && [ "$1" = "$2" ]; } || { printf 'expected:\n%s\ngot:\n%s\n' "$1" "$2"; return 1; }; }
tell_peers() { echo "$*" >/dev/peers; }

# measure SEED: both. What the peers find is told behind what they have found before.
measure() {
    told=$(wc -c </dev/peers)
    rcuctl scale lookup --runs 1 --loops $passes --seed "$1" >/dev/null &&
        tell_peers lookup $runs $passes "$(nproc)" "$1" && tail -c +$((told + 1)) /dev/peers >found
}
ours() { grep "^stream family=$1 " $parameters/scale; }
# What each peer has to say of its streams, if it was asked the same and has the same answers.
expected() {
    for peer in $peers; do ours "${peer#*:}" | sed "s/^stream /&peer=${peer%:*} /"; done
}
all_agree() { same "$(expected)" "$(grep '^stream ' found)"; }
addresses_agree() { same "$(expected | sed 's/ answers=.*//')" "$(grep '^stream ' found | sed 's/ answers=.*//')"; }
# Those of which the answers are not ours.
disagreeing() { expected | grep -vxFf found | sed 's/.* family=\([a-z0-9]*\) .*/\1/' | sort -u; }

# Rows without their figures.
labels() { sed -n 's/^row //p' found | sed 's/ \(min\|count\)=.*//'; }
lookup_labels() {
    for peer in $peers; do
        for stream in a b c d; do
            for readers in 1 $(nproc); do echo "peer=${peer%:*} family=${peer#*:} stream=$stream readers=$readers"; done
        done
    done
}
read_labels() { for readers in 1 $(nproc); do echo "kind=rcu_c readers=$readers"; done; }
update_labels() {
    for peer in $peers; do
        for change in delete add; do echo "peer=${peer%:*} family=${peer#*:} change=$change"; done
    done
}
figures_are_sound() {
    # shellcheck disable=SC2016 # The fields are awk's.
    sed -n 's/^row //p' found | awk '
        {
            split("", of)
            for (i = 1; i <= NF; i++) { split($i, part, "="); of[part[1]] = part[2] }
            n = split("p90" in of ? "min median p90 p99 max" : "min median max", name, " ")
            last = 0
            for (i = 1; i <= n; i++) {
                if (of[name[i]] + 0 < last) { print "out of order: " $0; bad = 1 }
                last = of[name[i]] + 0
            }
            if (of["median"] <= 0) { print "nothing: " $0; bad = 1 }
        }
        END { exit bad || !NR }'
}
counts_are() { same "$1" "$(sed -n 's/^row .* count=\([0-9]*\) .*/\1/p' found | sort -u)"; }
read_sections() {
    told=$(wc -c </dev/peers)
    tell_peers read $runs $passes "$(nproc)" && tail -c +$((told + 1)) /dev/peers >found
}
update() {
    told=$(wc -c </dev/peers)
    tell_peers update $runs $changes 1 && tail -c +$((told + 1)) /dev/peers >found
}
filled() {
    for peer in $peers; do
        case $peer in *:inet) count=$inet ;; *) count=$inet6 ;; esac
        grep "^filled peer=${peer%:*} family=${peer#*:} routes=$count " /dev/peers || { cat /dev/peers; return 1; }
    done
}

addresses=
for name in fib_table_insert fib_table_delete fib6_table_lookup ip6_route_add ip6_route_del trie_map_ops; do
    addresses="$addresses $name=0x$(sed -n "s/ . $name\$//p" /proc/kallsyms | head -n 1)"
done
inet6=$(grep -c '^[^ ]*:' routes)
inet=$(($(wc -l <routes) - inet6))

insmod "$module"
tap_check 'peers: insmod without addresses fails' not insmod ./peers.ko
# shellcheck disable=SC2086 # Words.
tap_check 'peers: insmod' insmod ./peers.ko $addresses
tap_check 'peers: our table' rcuctl route load routes
tap_check 'peers: theirs' cp routes /dev/peers
tap_check 'peers: what is neither a route nor a command is refused' not tell_peers empty
tap_check 'peers: fill' tell_peers fill
tap_check 'peers: each has all routes of its family' filled
for seed in 1 2; do
    tap_check "peers: lookup with seed $seed" measure $seed
    tap_check "peers: with seed $seed all are asked the same" addresses_agree
    tap_check "peers: with seed $seed all have the same answers" all_agree
done
tap_check 'peers: lookup: each stream, alone and on all CPUs' same "$(lookup_labels)" "$(labels)"
tap_check 'peers: lookup: figures are sound' figures_are_sound
tap_check 'peers: more readers than CPUs are refused' not tell_peers lookup 1 $passes $(($(nproc) + 1)) 1
tap_check 'peers: read, which is C beside scale=read' read_sections
tap_check 'peers: read: alone and on all CPUs' same "$(read_labels)" "$(labels)"
tap_check 'peers: read: figures are sound' figures_are_sound
tap_check 'peers: update' update
tap_check 'peers: update: each peer and change' same "$(update_labels)" "$(labels)"
tap_check 'peers: update: figures are sound' figures_are_sound
tap_check 'peers: update: all changes are there' counts_are $((runs * changes))
tap_check 'peers: lookup after that' measure 3
tap_check 'peers: and all agree again' all_agree
tap_check 'peers: another gateway for one prefix of ours' \
    rcuctl route change "$(sed -n '/:/!s/ .*//p' routes | sort -t / -k 2n | head -n 1)" via 192.0.2.7
tap_check 'peers: lookup after that' measure 3
tap_check 'peers: all are asked the same' addresses_agree
tap_check 'peers: those of its family have other answers' same inet "$(disagreeing)"
tap_end
