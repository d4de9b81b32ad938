#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest, user-mode Linux: the benchmarks compare like with like. The kernel's own tables, filled by
# peers.ko with the routes that the module's table has, are asked the same and have the same answers. Prints TAP.
# Expects beside it: helpers.sh, tap.sh, routes, peers.ko.
# shellcheck source=tests/guest/helpers.sh
. ./helpers.sh

passes=16384
batch=4096
changes=50
runs=2

peers='fib_trie:inet lpm_trie:inet fib6:inet6 lpm_trie:inet6'

tell_peers() { echo "$*" >/dev/peers; }

# ask COMMAND...: what the peers find is told behind what they have found before, and is nothing if they fail.
ask() {
    told=$(wc -c </dev/peers)
    : >found
    tell_peers "$@" && tail -c +$((told + 1)) /dev/peers >found
}
# measure SEED: both.
measure() {
    rcuctl scale lookup --runs 1 --loops $passes --seed "$1" >/dev/null &&
        ask lookup $runs $passes "$(nproc)" "$1"
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
# Above zero and in order. A row of readers has none exactly if no batch was left alone.
figures_are_sound() {
    # shellcheck disable=SC2016 # The fields are awk's.
    sed -n 's/^row //p' found | awk -v "batches=$((runs * passes / batch))" '
        function wrong(why) { print why ": " $0; bad = 1 }
        {
            split("", of)
            for (i = 1; i <= NF; i++) { split($i, part, "="); of[part[1]] = part[2] }
            if (of["min"] == "-") {
                if (of["dropped"] != of["readers"] * batches) wrong("no figure")
                next
            }
            n = split("p90" in of ? "min median p90 p99 max" : "min median max", name, " ")
            last = 0
            for (i = 1; i <= n; i++) {
                if (of[name[i]] + 0 < last) wrong("out of order")
                last = of[name[i]] + 0
            }
            if (of["median"] <= 0) wrong("nothing")
            if ("wall" in of && of["wall"] <= 0) wrong("no time")
            if ("dropped" in of && of["dropped"] >= of["readers"] * batches) wrong("a figure of nothing")
        }
        END { exit bad || !NR }'
}
counts_are() { same "$1" "$(sed -n 's/^row .* count=\([0-9]*\) .*/\1/p' found | sort -u)"; }
# Until what is told has no room, which is no endless time.
tell_all() {
    for seed in $(seq 200); do tell_peers update 1 1 "$seed" || return; done
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
for route in 192.0.2.0/33 2001:db8::/129 192.0.2.1/24 2001:db8::1/64; do
    case $route in *:*) gateway=2001:db8::1 ;; *) gateway=192.0.2.1 ;; esac
    tap_check "peers: $route, which is no prefix, is refused" fails_with 'Invalid argument' tell_peers $route via $gateway
done
for gateway in 2001:db8::1 '192.0.2.1 metric 7'; do
    tap_check "peers: what is not a gateway is refused: $gateway" \
        fails_with 'Invalid argument' tell_peers 192.0.2.0/24 via "$gateway"
done
tap_check 'peers: fill' tell_peers fill
tap_check 'peers: each has all routes of its family' filled
tap_check 'peers: then no route is taken' fails_with 'Device or resource busy' tell_peers 192.0.2.0/24 via 192.0.2.1
tap_check 'peers: filling again' tell_peers fill
tap_check 'peers: changes nothing' filled
for seed in 1 2; do
    tap_check "peers: lookup with seed $seed" measure $seed
    tap_check "peers: with seed $seed all are asked the same" addresses_agree
    tap_check "peers: with seed $seed all have the same answers" all_agree
done
tap_check 'peers: lookup: each stream, alone and on all CPUs' same "$(lookup_labels)" "$(labels)"
tap_check 'peers: lookup: figures are sound' figures_are_sound
tap_check 'peers: more readers than CPUs are refused' not tell_peers lookup 1 $passes $(($(nproc) + 1)) 1
tap_check 'peers: read, which is C beside scale=read' ask read $runs $passes "$(nproc)"
tap_check 'peers: read: alone and on all CPUs' same "$(read_labels)" "$(labels)"
tap_check 'peers: read: figures are sound' figures_are_sound
tap_check 'peers: update' ask update $runs $changes 1
tap_check 'peers: update: each peer and change' same "$(update_labels)" "$(labels)"
tap_check 'peers: update: figures are sound' figures_are_sound
tap_check 'peers: update: all changes are there' counts_are $((runs * changes))
tap_check 'peers: more figures than there is room for are refused' fails_with 'Invalid argument' tell_peers update 1000 16778 1
tap_check 'peers: lookup after that' measure 3
tap_check 'peers: and all agree again' all_agree
tap_check 'peers: another gateway for one prefix of ours' \
    rcuctl route change "$(sed -n '/:/!s/ .*//p' routes | sort -t / -k 2n | head -n 1)" via 192.0.2.7
tap_check 'peers: lookup after that' measure 3
tap_check 'peers: all are asked the same' addresses_agree
tap_check 'peers: those of its family have other answers' same inet "$(disagreeing)"
tap_check 'peers: what is told comes to an end, and they say so' fails_with 'No space left on device' tell_all
tap_end
