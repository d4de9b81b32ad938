#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in user-mode Linux: checks that the benchmarks compare equal work. peers.ko fills the
# kernel's own tables with the routes of the module's table. All tables must see the same addresses
# and give the same answers. Prints TAP. Needs beside it: helpers.sh, rows.sh, tap.sh, routes,
# peers.ko.
# shellcheck source=tests/guest/rows.sh
. ./rows.sh

passes=16384
changes=50
runs=2

peers='fib_trie:inet lpm_trie:inet fib6:inet6 lpm_trie:inet6'

send() { echo "$*" >/dev/peers; }
# measure COMMAND...: leaves the new lines of /dev/peers in `found`; none if COMMAND fails.
measure() {
    old=$(wc -c </dev/peers)
    : >found
    send "$@" && tail -c +$((old + 1)) /dev/peers >found
}
# look_up SEED: looks up the addresses of SEED in the module's table and in the peers' tables.
look_up() {
    rcuctl scale lookup --runs 1 --loops $passes --seed "$1" >/dev/null &&
        measure lookup $runs $passes "$(nproc)" "$1"
}
# Prints the stream lines of a peer with the same addresses and answers as the module.
expected_streams() {
    for peer in $peers; do
        sed -n "s/^stream family=${peer#*:} /stream peer=${peer%:*} family=${peer#*:} /p" $parameters/scale
    done
}
without_answers() { sed 's/ answers=.*//'; }
answers_agree() { same "$(expected_streams)" "$(grep '^stream ' found)"; }
addresses_agree() { same "$(expected_streams | without_answers)" "$(grep '^stream ' found | without_answers)"; }
# Prints the families in which a peer's answers differ from the module's.
differing_families() { expected_streams | grep -vxFf found | sed 's/.* family=\([a-z0-9]*\) .*/\1/' | sort -u; }

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
plausible() { figures_are_plausible found $((runs * passes / batch)); }
# Sends updates until the report is full; it holds fewer than 200 of them.
fill_report() {
    for seed in $(seq 200); do send update 1 1 "$seed" || return; done
}
are_filled() {
    for peer in $peers; do
        case $peer in *:inet) count=$inet ;; *) count=$inet6 ;; esac
        grep "^filled peer=${peer%:*} family=${peer#*:} routes=$count " /dev/peers || { cat /dev/peers; return 1; }
    done
}

addresses=
for name in fib_table_insert fib_table_delete fib6_table_lookup ip6_route_add ip6_route_del trie_map_ops; do
    addresses="$addresses $name=0x$(sed -n "s/ . $name\$//p" /proc/kallsyms | head -n 1)"
done
awk -v "every=$(($(wc -l <routes) / 2000 + 1))" 'NR % every == 1 || every == 1' routes >some
inet6=$(grep -c '^[^ ]*:' some)
inet=$(($(wc -l <some) - inet6))

insmod "$module"
tap_check 'peers: insmod fails without addresses of functions' not insmod ./peers.ko
# shellcheck disable=SC2086 # Several words.
tap_check 'peers: insmod succeeds with addresses of functions' insmod ./peers.ko $addresses
tap_check 'peers: the routes load into the module' rcuctl route load some
tap_check 'peers: the routes load into the peers' cp some /dev/peers
tap_check 'peers: an unknown command is refused' not send empty
for route in 192.0.2.0/33 2001:db8::/129 192.0.2.1/24 2001:db8::1/64; do
    case $route in *:*) gateway=2001:db8::1 ;; *) gateway=192.0.2.1 ;; esac
    tap_check "peers: the invalid prefix $route is refused" \
        fails_with 'Invalid argument' send $route via $gateway
done
for gateway in 2001:db8::1 '192.0.2.1 metric 7'; do
    tap_check "peers: the invalid gateway $gateway is refused" \
        fails_with 'Invalid argument' send 192.0.2.0/24 via "$gateway"
done
tap_check 'peers: fill succeeds' send fill
tap_check 'peers: each peer has all routes of its family' are_filled
tap_check 'peers: filled peers refuse another route' \
    fails_with 'Device or resource busy' send 192.0.2.0/24 via 192.0.2.1
tap_check 'peers: a second fill succeeds' send fill
tap_check 'peers: a second fill changes nothing' are_filled
for seed in 1 2; do
    tap_check "peers: lookup with seed $seed succeeds" look_up $seed
    tap_check "peers: with seed $seed all tables see the same addresses" addresses_agree
    tap_check "peers: with seed $seed all tables give the same answers" answers_agree
done
tap_check 'peers: lookup: there is a row for each stream, with one reader and on all CPUs' \
    same "$(lookup_labels)" "$(labels found)"
tap_check 'peers: lookup: the figures are plausible' plausible
tap_check 'peers: more readers than CPUs are refused' not send lookup 1 $passes $(($(nproc) + 1)) 1
tap_check "peers: read, C's counterpart of scale=read, succeeds" \
    measure read $runs $passes "$(nproc)"
tap_check 'peers: read: there is a row with one reader and a row on all CPUs' \
    same "$(read_labels)" "$(labels found)"
tap_check 'peers: read: the figures are plausible' plausible
tap_check 'peers: update succeeds' measure update $runs $changes 1
tap_check 'peers: update: there is a row for each peer and change' \
    same "$(update_labels)" "$(labels found)"
tap_check 'peers: update: the figures are plausible' plausible
tap_check 'peers: update: the number of changes is the requested one' \
    counts_are $((runs * changes)) found
tap_check 'peers: more figures than the buffer holds are refused' \
    fails_with 'Invalid argument' send update 1000 16778 1
tap_check 'peers: lookup after updates succeeds' look_up 3
tap_check 'peers: after updates all tables give the same answers' answers_agree
tap_check "peers: a route of the module gets another gateway" \
    rcuctl route change "$(sed -n '/:/!s/ .*//p' some | sort -t / -k 2n | head -n 1)" via 192.0.2.7
tap_check 'peers: lookup with another gateway succeeds' look_up 3
tap_check 'peers: with another gateway all tables see the same addresses' addresses_agree
tap_check 'peers: with another gateway only the answers of its family differ' \
    same inet "$(differing_families)"
tap_check 'peers: a full report refuses further updates' \
    fails_with 'No space left on device' fill_report
tap_end
