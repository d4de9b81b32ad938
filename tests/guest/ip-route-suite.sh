#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest: gives the same words to `ip` of iproute2 and to rcuctl, and compares exit
# status, errno, output and tables. ip-route.session has the words, and the known differences, each
# with its reason. Prints TAP. Needs beside it: helpers.sh, tap.sh, ip.tar, ip-route.session.
# shellcheck source=tests/guest/helpers.sh
. ./helpers.sh

# Each device has an address and no route: the session adds all routes.
set_up_network() {
    tar -x -C / -f ip.tar && ip link set lo up || return
    for device in 0 1; do
        ip link add d$device type dummy &&
            ip link set d$device addrgenmode none up &&
            ip address add 192.0.2.2$device/24 dev d$device noprefixroute &&
            ip address add 2001:db8::2$device/64 dev d$device noprefixroute nodad || return
    done
    # Linux adds routes for link-local addresses and multicast.
    ip -6 route flush table main && test -z "$(ip route show)$(ip -6 route show)"
}

# objects FILE: prints each JSON object of an array in a line, sorted: the order is no promise.
objects() { tr -d '\n' <"$1" | sed 's/}, *{"/}\n{"/g; s/^\[ *//; s/ *\]$/\n/' | grep . | sort; }

# errno_of FILE: prints the errno that a message names.
errno_of() {
    sed -n 's/.*(\(E[A-Z]*\))$/\1/p; s/^RTNETLINK answers: //p' "$1" | head -n 1 |
        sed 's/^File exists$/EEXIST/; s/^No such process$/ESRCH/
            s/^No such file or directory$/ENOENT/; s/^Network is unreachable$/ENETUNREACH/
            s/^No such device$/ENODEV/; s/^Permission denied$/EACCES/'
}

# status_of NUMBER: ip exits 1 or 255 for words that it does not accept; rcuctl exits 1.
status_of() { case $1 in 255) echo 1 ;; *) echo "$1" ;; esac; }

# run PROGRAM WORD...: runs a program, and again with -j if it prints routes. Leaves the facts that
# the session compares in PROGRAM.status, .errno, .output and .json.
run() {
    program=$1
    shift
    "$program" "$@" >"$program.text" 2>"$program.errors"
    status_of $? >"$program.status"
    errno_of "$program.errors" >"$program.errno"
    sed 's/ *$//' "$program.text" | sort >"$program.output"
    : >"$program.json"
    if [ -s "$program.text" ]; then
        "$program" -j "$@" >"$program.raw" 2>/dev/null
        objects "$program.raw" >"$program.json"
    fi
}

# Leaves the routes of PROGRAM in PROGRAM.table, unless a program has printed routes: a query
# changes none.
read_table() {
    : >"$1.table"
    [ ! -s ip.text ] || return 0
    [ ! -s rcuctl.text ] || return 0
    for family in 4 6; do
        "$1" -j -$family route show >"$1.raw"
        objects "$1.raw"
    done >"$1.table"
}

# Prints the facts that differ.
differing() {
    for fact in status errno output json table; do
        # ip names no errno where the kernel sends a sentence, and rcuctl names it always.
        [ $fact != errno ] || [ -s ip.errno ] || continue
        cmp -s ip.$fact rcuctl.$fact || echo $fact
    done | paste -sd ' ' -
}

# compare EXPECTED WORD...: both programs get the words. EXPECTED lists the facts that differ.
compare() {
    expected=$1
    shift
    run ip "$@"
    run rcuctl "$@"
    read_table ip
    read_table rcuctl
    found=$(differing)
    [ "$found" != "$expected" ] || return 0
    echo "expected differences: '$expected', found: '$found'"
    for fact in text errors $found; do
        diff -U 20 "ip.$fact" "rcuctl.$fact" || true
    done
    return 1
}

# Each line is a command for both programs; `ip:` or `rcuctl:` is a command for one of them, which
# makes the tables equal again. `differs FACT...: REASON` names the differences of the next command.
# shellcheck disable=SC2086 # Several words.
play() {
    expected_facts=
    while read -r first rest; do
        case $first in
            '' | '#'*) ;;
            differs) expected_facts=${rest%%:*} ;;
            ip: | rcuctl:)
                tap_check "alone: ${first%:} $rest" "${first%:}" $rest
                tap_check 'the tables are equal after it' compare '' -6 route show match ::
                ;;
            *)
                tap_check "$first $rest: ${expected_facts:+differs in }${expected_facts:-as ip}" \
                    compare "$expected_facts" "$first" $rest
                expected_facts=
                ;;
        esac
    done <ip-route.session
}

# The commands that `ip` and `rcuctl` execute while a monitor of each runs.
changes() {
    cat <<'END'
route add 192.0.2.0/24 dev d0
-6 route add 2001:db8::/64 dev d0 metric 5
route add 10.0.0.0/8 via 192.0.2.1 dev d0
route add 198.51.100.7 dev d1
route add default via 192.0.2.1 dev d0 metric 9
route add blackhole 203.0.113.0/24
route add 10.6.0.0/16 via inet6 fe80::6 dev d0
route replace 10.0.0.0/8 via 192.0.2.2 dev d0
route replace 10.0.0.0/8 via 192.0.2.2 dev d0
route change 10.0.0.0/8 dev d1
route add 10.0.0.0/8 dev d1
route del 10.9.0.0/16
-6 route add 2001:db8:1::/48 via 2001:db8::1 dev d0 metric 7
-6 route add default via fe80::1 dev d0 metric 7
-6 route replace 2001:db8:1::/48 via 2001:db8::2 dev d0 metric 7
-6 route del 2001:db8:1::/48
-6 route del default
route del 10.0.0.0/8
route flush type blackhole
route del 10.6.0.0/16
route del 198.51.100.7
route del default
END
}

# mark PROGRAM STREAM PREFIX: adds and deletes a route until the stream has its deletion.
mark() {
    for _ in $(seq 100); do
        "$1" route add throw "$3" && "$1" route del throw "$3" || return
        sleep 0.1
        ! grep "Deleted throw $3" "$2" >/dev/null || return 0
    done
    return 1
}

# record PROGRAM WORD...: runs a monitor by PROGRAM WORD... and makes the changes. Leaves the lines
# that the monitor prints for them in PROGRAM.stream.
record() {
    program=$1
    "$@" >"$program.all" 2>&1 &
    monitor=$!
    mark "$program" "$program.all" 100.127.1.0/24 || return
    while read -r words; do
        # shellcheck disable=SC2086 # Several words.
        "$program" $words >"$program.errors" 2>&1 || true
    done <<END
$(changes)
END
    mark "$program" "$program.all" 100.127.2.0/24 || return
    kill $monitor
    wait $monitor
    sed '/ 100\.127\./d; s/ *$//' "$program.all" >"$program.stream"
}

same_streams() {
    record ip monitor route && record rcuctl route monitor || return
    diff -U 30 ip.stream rcuctl.stream && test "$(wc -l <ip.stream)" -ge 15
}

# SIGINT, as after Ctrl-C, ends the program by this signal: the shell reports 130.
interrupted_monitor() {
    status=0
    timeout -s INT 1 rcuctl route monitor || status=$?
    test $status = 130
}

tap_check 'two devices have addresses and no routes' set_up_network
tap_check 'insmod succeeds' insmod "$module"
play
tap_check "the session has at least 40 commands" test "$tap_number" -ge 42
tap_check 'ip and rcuctl have empty tables' compare '' -6 route flush table main
tap_check 'rcuctl route monitor prints the lines of ip monitor route' same_streams
tap_check 'Ctrl-C ends rcuctl route monitor with 130' interrupted_monitor
tap_check 'rmmod succeeds' rmmod rust_rcu_demo
ip link del d0
ip link del d1
tap_end
