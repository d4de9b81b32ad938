# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Prints the Test Anything Protocol, for shell scripts on the build machine and in the guest.
# Sourced.

tap_number=0
tap_failures=0

# Prints the seconds since the machine started. `date` would start a process, which is slow in the
# guest.
tap_seconds() {
    read -r tap_uptime _ </proc/uptime
    echo "${tap_uptime%.*}"
}

# tap_check NAME COMMAND...: passes if COMMAND succeeds; prints its output otherwise. If the check
# took 3 s or more, prints how long.
tap_check() {
    tap_name=$1
    shift
    tap_number=$((tap_number + 1))
    tap_start=$(tap_seconds)
    if tap_output=$("$@" 2>&1); then
        echo "ok $tap_number - $tap_name"
    else
        tap_failures=$((tap_failures + 1))
        echo "not ok $tap_number - $tap_name"
        printf '%s\n' "$tap_output" | tail -n 40 | sed 's/^/# /'
    fi
    tap_elapsed=$(($(tap_seconds) - tap_start))
    [ $tap_elapsed -lt 3 ] || echo "#   took $tap_elapsed s"
}

# tap_skip NAME REASON
tap_skip() {
    tap_number=$((tap_number + 1))
    echo "ok $tap_number - $1 # SKIP $2"
}

# Prints the plan; fails if a check failed.
tap_end() {
    echo "1..$tap_number"
    [ "$tap_failures" -eq 0 ]
}
