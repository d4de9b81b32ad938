# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Functions that the guest's suites share. Sourced; needs tap.sh beside it.
# shellcheck source=tests/tap.sh
. ./tap.sh

module=$(echo /lib/modules/*/extra/rust_rcu_demo.ko)
parameters=/sys/module/rust_rcu_demo/parameters

not() { ! "$@"; }
# same EXPECTED FOUND: both are the same and not empty.
same() { { [ -n "$1" ] && [ "$1" = "$2" ]; } || { printf 'expected:\n%s\nfound:\n%s\n' "$1" "$2"; return 1; }; }

# prints EXPECTED COMMAND...
prints() {
    expected=$1
    shift
    same "$expected" "$("$@" 2>&1)"
}
# fails_with MESSAGE COMMAND...: COMMAND fails and prints MESSAGE.
fails_with() {
    message=$1
    shift
    if found=$("$@" 2>&1); then
        found="success: $found"
    else
        case $found in *"$message"*) return 0 ;; esac
    fi
    printf 'expected failure: %s\nfound: %s\n' "$message" "$found"
    return 1
}
# exits STATUS COMMAND...
exits() {
    expected=$1
    shift
    "$@"
    status=$?
    test $status = "$expected" || { echo "expected exit status $expected, found $status"; return 1; }
}

# modinfo_has FIELD PATTERN
modinfo_has() {
    [ -e "modinfo.$1" ] || modinfo -F "$1" "$module" >"modinfo.$1"
    grep -q "$2" "modinfo.$1"
}
# check_descriptions 'PARAMETER TYPE'...
check_descriptions() {
    for parameter; do
        tap_check "modinfo describes ${parameter% *}" \
            modinfo_has parm "^${parameter% *}:[A-Z].* (${parameter#* })\$"
    done
}
log_has() { dmesg | grep -F -e "$1"; }
forget_log() { dmesg -c >/dev/null; }
is_loaded() { grep -q '^rust_rcu_demo ' /proc/modules; }
set_parameter() { sh -c 'printf -- "$2" >"$1"' sh "$parameters/$1" "$2"; }
# refuses ERROR PARAMETER VALUE EXPECTED: writing VALUE fails with ERROR, and the log names the
# EXPECTED values.
refuses() {
    tap_check "$2=$3 is refused: $1" fails_with "$1" set_parameter "$2" "$3\n"
    tap_check "$2=$3: the log has the valid values" \
        log_has "parameter $2: expected $4, found \"$3\""
}
# A write needs the capability, not only an open file. Two writers lack it: `nobody` with a file
# that root opened, and root of a user namespace.
as_nobody() {
    grep -q '^nobody:' /etc/passwd || echo 'nobody:x:65534:65534:nobody:/:/bin/sh' >>/etc/passwd
    su -s /bin/sh nobody -c "printf '$2' >&3" 3>"$parameters/$1"
}
as_namespace_root() { unshare -U -r sh -c "printf '$2' >$parameters/$1"; }
# refused NAME=VALUE WRITER REASON COMMAND...: COMMAND tests that a write fails; the log has REASON.
refused() {
    name=${1%=*} value=${1#*=} writer=$2 reason=$3
    shift 3
    forget_log
    tap_check "$name=$value is refused $writer" "$@" "$name" "$value\n"
    tap_check "$name=$value is refused $writer: the log has the reason" log_has "parameter $name: $reason"
}
# check_capability NAME=VALUE: a write needs CAP_SYS_ADMIN.
check_capability() {
    reason='needs CAP_SYS_ADMIN in the initial user namespace'
    refused "$1" 'without CAP_SYS_ADMIN' "$reason" fails_with 'not permitted' as_nobody
    ! unshare -U -r true 2>/dev/null ||
        refused "$1" 'to root of a user namespace' "$reason" not as_namespace_root
}
# Prints all parameters except the reports of runs.
settings() { grep '' $parameters/* | grep -vE "^$parameters/(scale|stall|torture):"; }
settings_are() { same "$1" "$(settings)"; }

# within SECONDS COMMAND...: repeats COMMAND ten times a second until it succeeds, for at most
# SECONDS.
within() {
    tries=$(($1 * 10))
    shift
    until "$@" >tried 2>&1; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || { cat tried; return 1; }
        sleep 0.1
    done
}

stat_is() { test "$(rcuctl stats | sed -n "s/^$1  *//p")" = "$2"; }
slab_kib() { awk '/^SUnreclaim/ { print $2 }' /proc/meminfo; }

# The following functions inspect the runs of the parameter $job: report, state and threads.
# shellcheck disable=SC2154 # The suite sets job.
report() { sed -n "s/^$1 //p" "$parameters/$job"; }
# reports KEY VALUE
reports() {
    found=$(report "$1")
    test "$found" = "$2" || { cat "$parameters/$job"; echo "$1: expected '$2', found '$found'"; return 1; }
}
# becomes KEY VALUE SECONDS
becomes() { within "$3" reports "$1" "$2"; }
threads() { cat /proc/[0-9]*/comm 2>/dev/null | grep -E "^(rcu_$job|${job}_)"; }
no_threads() { ! threads; }
# The thread that controls the runs may remain after a run.
no_worker_threads() { test "$(threads | tee threads | wc -l)" -le 1 || { cat threads; return 1; }; }

# check_exclusion VALUE STOP ARGUMENT...: while a run is active, neither $job=VALUE nor `rcuctl
# ARGUMENT...` starts another one. STOP is the value that ends a run.
check_exclusion() {
    value=$1 stop=$2 before=$(settings)
    shift 2
    tap_check "$job: the threads of a run have names" not no_threads
    tap_check "$job: a second run is refused" \
        fails_with 'esource busy' set_parameter "$job" "$value\n"
    tap_check "$job: the log says how to end the active run" \
        log_has "parameter $job: a run is active; write $stop to stop it"
    tap_check "$job: rcuctl refuses a second run" \
        fails_with "a $job run is already active" rcuctl "$@"
    tap_check "$job: rcuctl exits 1 for a second run" exits 1 rcuctl "$@"
    tap_check "$job: a refused run changes no parameter" settings_are "$before"
}

# unload_during COMMAND...: COMMAND loads the module and starts a run. The module unloads during the
# run, while another process reads its parameters.
unload_during() {
    "$@" || return
    while cat $parameters/*; do :; done >/dev/null 2>&1 &
    sleep "${pause:-0.2}"
    reports state running || return
    rmmod rust_rcu_demo || return
    wait $!
    no_threads
}
