# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What the suites check the module with, in the guest. Sourced. Expects beside it: tap.sh.
# shellcheck source=tests/tap.sh
. ./tap.sh

module=$(echo /lib/modules/*/extra/rust_rcu_demo.ko)
parameters=/sys/module/rust_rcu_demo/parameters

not() { ! "$@"; }
# same EXPECTED GOT: and it is not nothing.
same() { { [ -n "$1" ] && [ "$1" = "$2" ]; } || { printf 'expected:\n%s\ngot:\n%s\n' "$1" "$2"; return 1; }; }

# fails_with MESSAGE COMMAND...
fails_with() {
    message=$1
    shift
    if got=$("$@" 2>&1); then
        got="success: $got"
    else
        case $got in *"$message"*) return 0 ;; esac
    fi
    printf 'expected a failure: %s\ngot: %s\n' "$message" "$got"
    return 1
}
# exits STATUS COMMAND...
exits() {
    expected=$1
    shift
    "$@"
    status=$?
    test $status = "$expected" || { echo "exit status $status, not $expected"; return 1; }
}

modinfo_has() { modinfo -F "$1" "$module" | grep -q "$2"; }
# check_descriptions 'PARAMETER TYPE'...
check_descriptions() {
    for parameter; do
        tap_check "modinfo describes ${parameter% *}" modinfo_has parm "^${parameter% *}:[A-Z].* (${parameter#* })\$"
    done
}
log_has() { dmesg | grep -F -e "$1"; }
set_parameter() { sh -c 'printf -- "$2" >"$1"' sh "$parameters/$1" "$2"; }
stat_is() { test "$(rcuctl stats | sed -n "s/^$1  *//p")" = "$2"; }
slab_kib() { awk '/^SUnreclaim/ { print $2 }' /proc/meminfo; }

# What the parameter $job, which starts runs, reports of them.
# shellcheck disable=SC2154 # The suite's.
report() { sed -n "s/^$1 //p" "$parameters/$job"; }
reports() {
    got=$(report "$1")
    test "$got" = "$2" || { cat "$parameters/$job"; echo "$1 is '$got', not '$2'"; return 1; }
}
# becomes KEY VALUE SECONDS
becomes() {
    for _ in $(seq $(($3 * 10))); do
        reports "$1" "$2" >/dev/null && return
        sleep 0.1
    done
    cat "$parameters/$job"
    return 1
}
# The names of its threads.
threads() { cat /proc/[0-9]*/comm 2>/dev/null | grep -E "^(rcu_$job|${job}_)"; }
no_threads() { ! threads; }
