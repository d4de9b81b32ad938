#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest: the module from insmod to rmmod, its device, and the real internet table.
# Prints TAP. Expects beside it: helpers.sh, tap.sh, device-test, client64 and perhaps client32, routes, addresses,
# answers.
# shellcheck source=tests/guest/helpers.sh
. ./helpers.sh

device=/dev/rust_rcu_demo

loaded() { grep -q '^rust_rcu_demo ' /proc/modules; }

# Waits until a figure is what it must come to.
stat_becomes() {
    for _ in $(seq 100); do
        stat_is "$1" "$2" && return
        sleep 0.1
    done
    rcuctl stats
    return 1
}

# says EXPECTED COMMAND...
says() {
    expected=$1
    shift
    same "$expected" "$("$@" 2>&1)"
}

parameter_is() {
    printf '%s\n' "$2" | cmp - "$parameters/$1" || {
        cat "$parameters/$1"
        return 1
    }
}
default_is_told() { modinfo_has parm "^$1:.*\($2 (default)\|(default $2)\)" && parameter_is "$1" "$2"; }

tap_check 'modinfo names the licence' modinfo_has license '^GPL$'
tap_check 'modinfo describes the module' modinfo_has description 'RCU in safe Rust'
tap_check 'without the module there is no device' not test -e $device

check_descriptions 'reclaim charp' 'reclaim_max_kb uint' 'max_routes ulong'
tap_check 'insmod with a bad value fails' fails_with 'Invalid parameters' insmod "$module" reclaim=fast
tap_check 'and the log tells what there is to choose from' \
    log_has 'rust_rcu_demo: parameter reclaim: want synchronize, expedited, call or kvfree, not "fast"'
tap_check 'insmod with a number out of range fails' \
    fails_with 'Numerical result out of range' insmod "$module" reclaim_max_kb=4294967296
tap_check 'and the log tells the range' \
    log_has 'rust_rcu_demo: parameter reclaim_max_kb: want a number from 0 to 4294967295, not "4294967296"'
tap_check 'insmod with what is no number fails' fails_with 'Invalid parameters' insmod "$module" max_routes=many
tap_check 'insmod with a parameter without value fails' fails_with 'Invalid parameters' insmod "$module" reclaim
tap_check 'after that the module is not there' not loaded

tap_check 'insmod with good values succeeds' insmod "$module" reclaim=kvfree reclaim_max_kb=0x10 max_routes=7
tap_check 'reclaim is what insmod was given' parameter_is reclaim kvfree
tap_check 'reclaim_max_kb is what insmod was given' parameter_is reclaim_max_kb 16
tap_check 'max_routes is what insmod was given' parameter_is max_routes 7
tap_check 'sysfs has what modinfo describes, and no more' says "$(modinfo -F parm "$module" | sed -n 's/:[A-Z].*//p' | sort)" ls -1 $parameters
for mode in synchronize expedited call kvfree; do
    tap_check "reclaim can be set to $mode" set_parameter reclaim "$mode\n"
    tap_check "and then it is $mode" parameter_is reclaim $mode
done
tap_check 'a newline is not needed' set_parameter reclaim call
tap_check 'without one it is set as well' parameter_is reclaim call
tap_check 'a value that begins like a good one is refused' fails_with 'Invalid argument' set_parameter reclaim 'kvfree2\n'
tap_check 'bytes that are no text are refused' fails_with 'Invalid argument' set_parameter reclaim '\001\377'
tap_check 'the log has them escaped' log_has 'call or kvfree, not "\x01\xff"'
tap_check 'reclaim is as before' parameter_is reclaim call
tap_check 'the largest number is taken' set_parameter reclaim_max_kb '4294967295\n'
tap_check 'and shown' parameter_is reclaim_max_kb 4294967295
tap_check 'a number below the range is refused' fails_with 'Invalid argument' set_parameter reclaim_max_kb '-1\n'
tap_check 'a number above it is refused' fails_with 'out of range' set_parameter reclaim_max_kb '4294967296\n'
tap_check 'reclaim_max_kb is as before' parameter_is reclaim_max_kb 4294967295
tap_check 'rmmod succeeds' rmmod rust_rcu_demo

tap_check 'insmod succeeds' insmod "$module"
tap_check 'by default reclaim is as modinfo has it' default_is_told reclaim call
tap_check 'by default reclaim_max_kb is as modinfo has it' default_is_told reclaim_max_kb 65536
tap_check 'by default max_routes is as modinfo has it' default_is_told max_routes 16777216
tap_check 'insmod of a loaded module fails' not insmod "$module"
tap_check 'the device is for root alone' test "$(stat -c %a $device)" = 600

tap_check 'add a route' sh -c "echo add 10.0.0.0/8 via 10.0.0.1 metric 20 > $device"
tap_check 'cat shows it' says '10.0.0.0/8 via 10.0.0.1 metric 20' cat $device
tap_check 'rcuctl get shows what serves an address' says '10.0.0.0/8 via 10.0.0.1 metric 20' rcuctl route get 10.1.2.3
tap_check 'rcuctl get of an address without route exits 2' sh -c 'rcuctl route get 192.0.2.1; test $? = 2'
tap_check 'rcuctl add of an existing route exits 2' sh -c 'rcuctl route add 10.0.0.0/8 via 10.0.0.1 metric 20; test $? = 2'
tap_check 'rcuctl change, replace and del' sh -c '
    rcuctl route change 10.0.0.0/8 via 10.0.0.2 metric 20 &&
    rcuctl route replace 10.0.0.0/8 dev eth0 &&
    rcuctl route del 10.0.0.0/8 metric 20'
tap_check 'what is left' says '10.0.0.0/8 dev eth0' rcuctl route show
tap_check 'rcuctl --json speaks JSON' sh -c "rcuctl --json route show | grep -q '\"dst\": *\"10.0.0.0/8\"'"

exec 3<$device
tap_check 'rmmod is refused while the device is open' not rmmod rust_rcu_demo
tap_check 'and the module stays' loaded
exec 3<&-

# The device's own tests print TAP of their own: each of their lines counts.
./device-test >device-test.tap 2>&1
device_status=$?
grep -v '^1\.\.' device-test.tap
tap_check 'the device tests ran to their end' test $device_status -le 1 -a -n "$(grep '^1\.\.' device-test.tap)"

# So do the clients of its ioctls.
for bits in 64 32; do
    [ -e client$bits ] || { tap_skip "the $bits-bit client of the ioctls" 'no such callers'; continue; }
    ./client$bits >client.tap 2>&1
    client_status=$?
    grep -v '^1\.\.' client.tap
    tap_check "the $bits-bit client of the ioctls ran to its end" test $client_status -le 1 -a -n "$(grep '^1\.\.' client.tap)"
done
rcuctl route flush

total=$(wc -l <routes)
inet6=$(grep -c '^[^ ]*:' routes)
tap_check 'the real table loads' rcuctl route load routes
tap_check 'it has all IPv6 routes' stat_is routes_inet6 "$inet6"
tap_check 'it has all IPv4 routes' stat_is routes_inet $((total - inet6))
tap_check 'lookups equal those of another implementation' sh -c 'rcuctl route get --batch addresses >got && cmp got answers'
tap_check 'saving gives what was loaded' sh -c 'rcuctl route save saved && cmp saved routes'
tap_check 'adding it again is refused' not rcuctl route load routes
tap_check 'replacing it changes nothing' sh -c 'rcuctl route load --replace routes && rcuctl route save again && cmp again saved'
tap_check 'flush inet leaves IPv6' sh -c 'rcuctl route flush inet && rcuctl route show | cmp - /dev/null; rcuctl route show inet | cmp - /dev/null'
tap_check 'IPv6 routes are still there' stat_is routes_inet6 "$inet6"
tap_check 'flush removes all' rcuctl route flush
tap_check 'no object is left' stat_is objects 0
tap_check 'no byte is left' stat_is bytes 0
tap_check 'no next hop is left' stat_is next_hops 0
tap_check 'all that was retired is reclaimed' stat_becomes retired_bytes 0
tap_check 'loading what was saved gives the same table' sh -c 'rcuctl route load saved && rcuctl route save again && cmp again saved'

# Slabs that must be as before: unloading frees a full table. One table that stays is 300 KiB, 20 of them 6 MiB;
# the allocator and KASAN keep a little for themselves.
tap_check 'rmmod with a full table succeeds' rmmod rust_rcu_demo
tap_check 'the device is gone' not test -e $device

load_and_unload() {
    for _ in $(seq "$1"); do
        insmod "$module" && head -n 2000 routes >$device && rmmod rust_rcu_demo || return
    done
}
load_and_unload 3
before=$(slab_kib)
tap_check 'load, fill and unload 20 times' load_and_unload 20
after=$(slab_kib)
tap_check "memory is back (slab $before KiB before, $after KiB after)" test $((after - before)) -lt 3072
tap_end
