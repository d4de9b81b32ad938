#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Shared by the lab's scripts: where things are kept, how long steps report, how two runs stay
# out of each other's way. Sourced, never run.

# shellcheck disable=SC2034 # The constants are for the scripts that source this file.
set -euo pipefail

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LAB_DIR=${LAB_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/rust_rcu_demo}
if ! mkdir -p "$LAB_DIR" || ! [ -w "$LAB_DIR" ]; then
    echo "$(basename "$0"): cannot write to $LAB_DIR, where the lab keeps everything; choose another place with LAB_DIR=." >&2
    exit 1
fi
LAB_DIR=$(cd "$LAB_DIR" && pwd)

say() { printf '%s\n' "$*" >&2; }

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# Prints the leading comment of the calling script as its help.
usage() {
    sed -n '3,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"
}

# Short content key of standard input.
content_key() { sha256sum | cut -c1-12; }

# lock NAME: one run at a time holds NAME until this process ends.
lock() {
    local fd
    exec {fd}>"$LAB_DIR/$1.lock"
    flock --nonblock "$fd" && return
    say "Another run holds $LAB_DIR/$1.lock; waiting for it."
    flock "$fd"
}

# keep_newest COUNT FOLDER: removes the older entries of FOLDER, all of them of our own making.
keep_newest() {
    # shellcheck disable=SC2012 # No odd names.
    ls -1t "$2" | tail -n "+$(($1 + 1))" | (cd "$2" && xargs -r rm -rf)
}

# pack FOLDER ARCHIVE: as an initramfs. Not compressed: unpacking takes an emulated CPU longer.
pack() {
    # shellcheck disable=SC2016 # Expanded by the inner shell.
    "$REPO/scripts/lab/in-root" bash -c \
        'cd "$0" && find . -mindepth 1 -print0 | sort -z | cpio --null --create --format=newc --owner=0:0 --quiet' "$1" >"$2"
}

# need_disk GIB WHAT: refuses early rather than fail in the middle.
need_disk() {
    local have
    have=$(df --output=avail --block-size=1G "$LAB_DIR" | tail -n 1 | tr -d ' ')
    [ "$have" -ge "$1" ] ||
        die "$2 needs $1 GiB free in $LAB_DIR, there are $have. Free some, or choose another place with LAB_DIR=."
}

human_time() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

# step WHAT ESTIMATE_SECONDS LOG COMMAND...: runs COMMAND with its output in LOG and shows how far
# it is; on failure prints the end of LOG.
step() {
    local what=$1 estimate=$2 log=$3 start=$SECONDS pid status=0 interval=60 passed shown=0
    shift 3
    [ -t 2 ] && interval=1
    mkdir -p "$(dirname "$log")"
    say "$what (about $(human_time "$estimate"), log in $log)"
    "$@" >"$log" 2>&1 </dev/null &
    pid=$!
    # shellcheck disable=SC2064 # The pid of this step, not of a later one.
    trap "kill $pid 2>/dev/null || true" INT TERM
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.2
        passed=$((SECONDS - start))
        [ $((passed - shown)) -ge "$interval" ] || continue
        shown=$passed
        if [ -t 2 ]; then
            printf '\r  %s of about %s ' "$(human_time "$passed")" "$(human_time "$estimate")" >&2
        else
            say "  $what: $(human_time "$passed") of about $(human_time "$estimate")"
        fi
    done
    wait "$pid" || status=$?
    trap - INT TERM
    [ -t 2 ] && printf '\r\033[K' >&2
    if [ "$status" -ne 0 ]; then
        tail -n 30 "$log" >&2
        die "$what failed (status $status), whole log in $log"
    fi
    say "  done in $(human_time $((SECONDS - start)))"
}
