#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest: imports the tables of real machines, and reads them back from the device.
# Prints TAP. Needs beside it: helpers.sh, tap.sh, routes.tar.
# shellcheck source=tests/guest/helpers.sh
. ./helpers.sh

device=/dev/rust_rcu_demo
flush() { echo flush >$device; }
table() { rcuctl route save | sort; }

# Prints the first route of each prefix and metric. Like `ip route add`, the table refuses a second
# one.
first_of_key() {
    awk '{
        prefix = $1 ~ /^(blackhole|unreachable|prohibit|throw|local)$/ ? $2 : $1
        metric = match($0, / metric [0-9]+/) ? substr($0, RSTART, RLENGTH) : ""
        if (!seen[prefix metric]++) print
    }'
}

# import_and_read_back FILE: after an import the table has the routes of the file. It has the same
# routes after its text is written back, and after its JSON is imported.
import_and_read_back() {
    flush
    # import exits 1 if it refuses a line.
    rcuctl route import --dry-run "$1" 2>errors | first_of_key | sort >expected
    rcuctl route import "$1" >summary 2>errors
    table >found
    cmp expected found || { diff -U 20 expected found; cat errors; return 1; }
    rcuctl -j route show >table.document
    flush && cat found >$device && table >again && cmp found again || return 1
    flush && rcuctl route import --format ip-json table.document >summary && table >again
    cmp found again || { diff -U 20 found again; return 1; }
}

# changes_nothing COMMAND...: COMMAND fails, and the table has the route that it had before.
changes_nothing() {
    flush
    echo '10.0.0.0/8 dev before' >$device
    not "$@" 2>errors && prints '10.0.0.0/8 dev before' cat $device
}
# replaces_table FILE: the table has the routes of FILE alone after import --replace.
replaces_table() {
    flush
    echo '10.0.0.0/8 dev before' >$device
    rcuctl route import --dry-run "$1" | sort >expected
    rcuctl route import --replace "$1" >summary && table >found && cmp expected found
}

mkdir tables && tar -x -C tables -f routes.tar
tap_check 'insmod succeeds' insmod "$module"
with_routes=0
for file in tables/*.txt tables/*.json tables/*.mrt; do
    tap_check "${file#*/} is read back as it was imported" import_and_read_back "$file"
    [ ! -s found ] || with_routes=$((with_routes + 1))
done
tap_check 'at least 30 files have routes' test $with_routes -ge 30

gzip -c tables/kubernetes-cilium.txt >compressed
tap_check 'a compressed file has the same routes' \
    same "$(rcuctl route import --dry-run tables/kubernetes-cilium.txt)" \
    "$(rcuctl route import --dry-run compressed)"
tap_check 'import --atomic of a file with a refused line changes nothing' \
    changes_nothing rcuctl route import --atomic tables/router-inet6.txt
cat tables/cloud.txt tables/cloud.txt >twice
tap_check 'import --atomic of a file with a route twice changes nothing' \
    changes_nothing rcuctl route import --atomic twice
tap_check 'import --replace of a file with a route twice changes nothing' \
    changes_nothing rcuctl route import --replace twice
tap_check 'import --replace replaces the table' replaces_table tables/kubernetes-cilium.txt
tap_check 'a file of unknown format is refused' \
    fails_with 'unknown format: the first line is' rcuctl route import helpers.sh
tap_check '--format chooses a format' \
    fails_with 'expected a route of FRR' rcuctl route import --dry-run --format frr tables/cloud.txt
tap_check 'rmmod succeeds' rmmod rust_rcu_demo
tap_end
