#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Paths, messages, locks and progress for the lab's scripts. Sourced, never run.

# shellcheck disable=SC2034 # The sourcing scripts use the constants.
set -euo pipefail

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LAB_DIR=${LAB_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/rust_rcu_demo}
if ! mkdir -p "$LAB_DIR" || ! [ -w "$LAB_DIR" ]; then
    echo "$(basename "$0"): cannot write to $LAB_DIR, the lab's folder; choose another one with LAB_DIR=FOLDER" >&2
    exit 1
fi
LAB_DIR=$(cd "$LAB_DIR" && pwd)

message() { printf '%s\n' "$*" >&2; }

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# The stock kernels of Debian that the lab runs under QEMU, as KERNEL names them. They have one
# configuration, `stock`.
DEBIAN_KERNELS=(debian-6.18 debian-7.3 debian-7.3-rt debian-7.3-cloud)

# default_kernel MACHINE
default_kernel() { case $1 in uml) echo 7.3 ;; *) echo 6.18 ;; esac; }
# default_config MACHINE KERNEL
default_config() {
    case $1/$2 in
        uml/*) echo uml ;;
        */debian-*) echo stock ;;
        *) echo perf ;;
    esac
}

# Prints the leading comment of the calling script.
usage() {
    sed -n '3,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"
}

# Prints a short hash of standard input.
content_key() { sha256sum | cut -c1-12; }

# lock NAME: waits for the lock NAME and holds it until this process ends.
lock() {
    local fd
    exec {fd}>"$LAB_DIR/$1.lock"
    # A message about a short wait would only disturb the output of a command.
    flock --wait 10 "$fd" && return
    message "Waiting for another run, which holds $LAB_DIR/$1.lock"
    flock "$fd"
}

# arch_of KERNEL_BUILD_FOLDER: prints the value of ARCH with which make built the kernel. Modules
# need the same value.
arch_of() {
    if grep -qx CONFIG_UML=y "$1/.config"; then
        echo um
    elif grep -qx CONFIG_ARM64=y "$1/.config"; then
        echo arm64
    else
        echo x86_64
    fi
}

# keep_newest COUNT FOLDER: removes all but the newest COUNT entries of FOLDER.
keep_newest() {
    # shellcheck disable=SC2012 # The lab's scripts choose the names.
    ls -1t "$2" | tail -n "+$(($1 + 1))" | (cd "$2" && xargs -r rm -rf)
}

# A command for the build root that updates its lists of packages. apt fails if another one does.
UPDATE_LISTS='flock /var/lib/apt apt-get -o APT::Sandbox::User=root update'

# make_folder FOLDER LOCK COMMAND...: creates FOLDER unless it exists. COMMAND runs in an empty
# folder and fills it. The folder gets the name FOLDER only if COMMAND succeeds.
make_folder() {
    local folder=$1
    [ ! -d "$folder" ] || return 0
    lock "$2"
    [ ! -d "$folder" ] || return 0
    rm -rf "$folder.partial"
    mkdir -p "$folder.partial"
    (cd "$folder.partial" && "${@:3}")
    mv "$folder.partial" "$folder"
}

# copy_sources NAME: copies the sources and prints the path of the copy. Cargo rebuilds a file that
# has another path or a newer time. The copy has one path for all checkouts, and an equal file keeps
# its time.
copy_sources() {
    local copy=$LAB_DIR/sources/$1
    mkdir -p "$copy"
    "$REPO/scripts/lab/in-root" rsync --recursive --links --perms --checksum --delete \
        --exclude=/.git --exclude=/out --exclude=/target "$REPO/" "$copy/"
    printf '%s\n' "$copy"
}

# pack FOLDER ARCHIVE: makes an initramfs. It is not compressed, because an emulated CPU unpacks
# slowly.
pack() {
    # shellcheck disable=SC2016 # The inner shell expands it.
    "$REPO/scripts/lab/in-root" bash -c \
        'cd "$0" && find . -mindepth 1 -print0 | sort -z | cpio --null --create --format=newc --owner=0:0 --quiet' "$1" >"$2"
}

# ship_program ROOT FOLDER PROGRAM: copies PROGRAM and the libraries that it needs from ROOT to
# FOLDER. Their processor may differ from this machine's, so nothing is executed to find them.
ship_program() {
    [ ! -e "$2$3" ] || return 0
    mkdir -p "$2$(dirname "$3")"
    cp -L "$1$3" "$2$3"
    ship_libraries "$1" "$2" "$2$3"
}
# ship_libraries ROOT FOLDER PROGRAM: copies the libraries that the file PROGRAM needs.
ship_libraries() {
    local file library
    for library in $("$REPO/scripts/lab/in-root" llvm-readelf --needed-libs "$3" | grep '\.so'); do
        for file in "$1"/usr/lib*/"$library" "$1"/usr/lib/*/"$library"; do
            [ ! -e "$file" ] || ship_program "$1" "$2" "${file#"$1"}"
        done
    done
}

# need_disk GIB WHAT: fails unless the lab's disk has GIB GiB free for WHAT.
need_disk() {
    local have
    have=$(df --output=avail --block-size=1G "$LAB_DIR" | tail -n 1 | tr -d ' ')
    [ "$have" -ge "$1" ] ||
        die "$2 needs $1 GiB in $LAB_DIR, found $have GiB free; free some or choose another folder with LAB_DIR=FOLDER"
}

human_time() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

# step WHAT ESTIMATE_SECONDS LOG COMMAND...: runs COMMAND with its output in LOG and shows the
# elapsed time. If COMMAND fails, prints the end of LOG and exits.
step() {
    local what=$1 estimate=$2 log=$3 start=$SECONDS pid status=0 interval=60 elapsed shown=0
    shift 3
    [ -t 2 ] && interval=1
    mkdir -p "$(dirname "$log")"
    message "$what (about $(human_time "$estimate"), log in $log)"
    "$@" >"$log" 2>&1 </dev/null &
    pid=$!
    # shellcheck disable=SC2064 # Expands now: a later step has another pid.
    trap "kill $pid 2>/dev/null || true" INT TERM
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.2
        elapsed=$((SECONDS - start))
        [ $((elapsed - shown)) -ge "$interval" ] || continue
        shown=$elapsed
        if [ -t 2 ]; then
            printf '\r  %s of about %s ' "$(human_time "$elapsed")" "$(human_time "$estimate")" >&2
        else
            message "  $what: $(human_time "$elapsed") of about $(human_time "$estimate")"
        fi
    done
    wait "$pid" || status=$?
    trap - INT TERM
    [ -t 2 ] && printf '\r\033[K' >&2
    if [ "$status" -ne 0 ]; then
        tail -n 30 "$log" >&2
        die "$what failed with status $status; the whole log is $log"
    fi
    message "  done in $(human_time $((SECONDS - start)))"
}
