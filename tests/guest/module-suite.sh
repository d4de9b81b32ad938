#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest: the module from insmod to rmmod, with its parameters, its device and the real
# internet table. Prints TAP. Needs beside it: helpers.sh, tap.sh, device-test, client64, routes,
# addresses, answers, and client32 where the kernel has 32-bit callers.
#
# Environment: CHURN_SECS, the duration of the device's churn (default 3).
# shellcheck source=tests/guest/helpers.sh
. ./helpers.sh

device=/dev/rust_rcu_demo
churn_secs=${CHURN_SECS:-3}

parameter_is() { prints "$2" cat "$parameters/$1"; }
has_documented_default() {
    modinfo_has parm "^$1:.*default $2)" && parameter_is "$1" "$2"
}
# insmod_refuses ERROR SETTING...
insmod_refuses() {
    error=$1
    shift
    fails_with "$error" insmod "$module" "$@"
}
documented_parameters() { sed -n "s/:[A-Z].*//p" modinfo.parm | sort; }

tap_check 'modinfo has the licence' modinfo_has license '^GPL$'
tap_check 'modinfo describes the module' modinfo_has description 'RCU in safe Rust'
tap_check 'modinfo has the author' modinfo_has author '^The rust_rcu_demo maintainers$'
version=$(rcuctl --version | cut -d' ' -f2)
tap_check 'modinfo has the version of rcuctl' modinfo_has version "^$version\$"
tap_check 'before insmod there is no device' not test -e $device

check_descriptions 'reclaim charp' 'reclaim_max_kb uint' 'max_routes ulong'
tap_check 'insmod refuses an unknown word' insmod_refuses 'Invalid parameters' reclaim=fast
tap_check 'insmod with an unknown word: the log has the valid words' \
    log_has 'rust_rcu_demo: parameter reclaim: expected synchronize, expedited, call or kvfree, found "fast"'
tap_check 'insmod refuses a number out of range' \
    insmod_refuses 'Numerical result out of range' reclaim_max_kb=4294967296
tap_check 'insmod with a number out of range: the log has the range' \
    log_has 'rust_rcu_demo: parameter reclaim_max_kb: expected a number from 0 to 4294967295, found "4294967296"'
tap_check 'insmod refuses a word for a number' insmod_refuses 'Invalid parameters' max_routes=many
tap_check 'insmod refuses a parameter without a value' insmod_refuses 'Invalid parameters' reclaim
tap_check 'after a refused insmod the module is not loaded' not is_loaded

tap_check 'insmod accepts valid values' \
    insmod "$module" reclaim=kvfree reclaim_max_kb=0x10 max_routes=7
tap_check 'sysfs has the version that modinfo has' prints "$version" cat /sys/module/rust_rcu_demo/version
tap_check 'reclaim has the value given to insmod' parameter_is reclaim kvfree
tap_check 'reclaim_max_kb has the value given to insmod' parameter_is reclaim_max_kb 16
tap_check 'max_routes has the value given to insmod' parameter_is max_routes 7
tap_check 'sysfs has exactly the parameters that modinfo describes' \
    prints "$(documented_parameters)" ls -1 $parameters
for mode in synchronize expedited call kvfree; do
    tap_check "reclaim=$mode can be set" set_parameter reclaim "$mode\n"
    tap_check "reclaim=$mode reads back" parameter_is reclaim $mode
done
tap_check 'reclaim can be set without a newline' set_parameter reclaim call
tap_check 'reclaim set without a newline reads back' parameter_is reclaim call
tap_check 'a value that starts with a valid one is refused' \
    fails_with 'Invalid argument' set_parameter reclaim 'kvfree2\n'
tap_check 'a value that is no UTF-8 is refused' \
    fails_with 'Invalid argument' set_parameter reclaim '\001\377'
tap_check 'the log escapes a value that is no UTF-8' log_has 'call or kvfree, found "\x01\xff"'
tap_check 'a refused value leaves reclaim unchanged' parameter_is reclaim call
tap_check 'the largest number can be set' set_parameter reclaim_max_kb '4294967295\n'
tap_check 'the largest number reads back' parameter_is reclaim_max_kb 4294967295
tap_check 'a number below the range is refused' \
    fails_with 'Invalid argument' set_parameter reclaim_max_kb '-1\n'
tap_check 'a number above the range is refused' \
    fails_with 'out of range' set_parameter reclaim_max_kb '4294967296\n'
tap_check 'a refused number leaves reclaim_max_kb unchanged' parameter_is reclaim_max_kb 4294967295
tap_check 'rmmod succeeds after setting parameters' rmmod rust_rcu_demo

tap_check 'insmod without parameters succeeds' insmod "$module"
tap_check 'reclaim has the default that modinfo names' has_documented_default reclaim call
tap_check 'reclaim_max_kb has the default that modinfo names' \
    has_documented_default reclaim_max_kb 65536
tap_check 'max_routes has the default that modinfo names' has_documented_default max_routes 16777216
tap_check 'insmod refuses a loaded module' not insmod "$module"
tap_check 'only root may open the device' test "$(stat -c %a $device)" = 600

tap_check 'the device adds a route' sh -c "echo add 10.0.0.0/8 via 10.0.0.1 metric 20 > $device"
tap_check 'reading the device prints its routes' prints '10.0.0.0/8 via 10.0.0.1 metric 20' cat $device
tap_check 'rcuctl route get prints the route of an address' \
    prints '10.0.0.0/8 via 10.0.0.1 metric 20' rcuctl route get 10.1.2.3
tap_check 'rcuctl route get exits 2 for an address without a route' \
    exits 2 rcuctl route get 192.0.2.1
tap_check 'rcuctl route add exits 2 for an existing route' \
    exits 2 rcuctl route add 10.0.0.0/8 via 10.0.0.1 metric 20
tap_check 'rcuctl route change, replace and del succeed' sh -c '
    rcuctl route change 10.0.0.0/8 via 10.0.0.2 metric 20 &&
    rcuctl route replace 10.0.0.0/8 dev eth0 &&
    rcuctl route del 10.0.0.0/8 metric 20'
tap_check 'rcuctl route show prints the remaining route' \
    prints '10.0.0.0/8 dev eth0 scope link' rcuctl route show
tap_check 'rcuctl --json route show prints JSON' \
    sh -c "rcuctl --json route show | grep -q '\"dst\": *\"10.0.0.0/8\"'"
tap_check 'rcuctl -6 r a default adds an IPv6 default route' rcuctl -6 r a default dev eth0
tap_check 'rcuctl r s default prints no IPv6 route' test -z "$(rcuctl r s default 2>&1)"
tap_check 'rcuctl -6 r s prints default' prints 'default dev eth0 pref medium' rcuctl -6 r s
tap_check 'rcuctl -6 r s --long prints what route load reads' prints '::/0 dev eth0' rcuctl -6 r s --long
tap_check 'rcuctl r s dev prints the routes of a device' \
    prints '10.0.0.0/8 dev eth0 scope link' rcuctl -4 r s dev eth0
tap_check 'rcuctl -6 r d default deletes the route' rcuctl -6 r d default
tap_check 'rcuctl route get of a prefix exits 1' exits 1 rcuctl route get 10.1.1.0/24
tap_check 'rcuctl route add with a negative metric exits 1' \
    exits 1 rcuctl route add 10.9.0.0/16 dev eth0 metric -1

exec 3<$device
tap_check 'rmmod is refused while the device is open' not rmmod rust_rcu_demo
tap_check 'after a refused rmmod the module is loaded' is_loaded
exec 3<&-

# include NAME COMMAND...: adds the TAP lines of COMMAND to those of this suite.
include() {
    name=$1
    shift
    { "$@" 2>&1; echo $? >included; } | tee included.tap | grep -v '^1\.\.'
    tap_check "$name ran to the end" \
        test "$(cat included)" -le 1 -a -n "$(grep '^1\.\.' included.tap)"
}
include 'the test of the device' ./device-test --seconds "$churn_secs"
for bits in 64 32; do
    if [ -e client$bits ]; then
        include "the $bits-bit client of the ioctls" ./client$bits
    else
        tap_skip "the $bits-bit client of the ioctls" "this kernel has no $bits-bit callers"
    fi
done
rcuctl route flush

total=$(wc -l <routes)
inet6=$(grep -c '^[^ ]*:' routes)
tap_check 'the real table loads' rcuctl route load routes
tap_check 'the real table has all its IPv6 routes' stat_is routes_inet6 "$inet6"
tap_check 'the real table has all its IPv4 routes' stat_is routes_inet $((total - inet6))
tap_check 'lookups in the real table have the answers of another implementation' \
    sh -c 'rcuctl route get --long --batch addresses >got && cmp got answers'
tap_check 'rcuctl route save writes the table that was loaded' \
    sh -c 'rcuctl route save saved && cmp saved routes'
tap_check 'loading the real table twice is refused' not rcuctl route load routes
tap_check 'rcuctl route load --replace with the same routes changes nothing' \
    sh -c 'rcuctl route load --replace routes && rcuctl route save again && cmp again saved'
tap_check 'flush inet removes all IPv4 routes' \
    sh -c 'rcuctl route flush inet && rcuctl route show inet | cmp - /dev/null'
tap_check 'flush inet keeps the IPv6 routes' stat_is routes_inet6 "$inet6"
tap_check 'flush removes all routes' rcuctl route flush
tap_check 'an empty table has no object' stat_is objects 0
tap_check 'an empty table has no bytes' stat_is bytes 0
tap_check 'an empty table has no next hop' stat_is next_hops 0
tap_check 'all retired memory is reclaimed' within 10 stat_is retired_bytes 0
tap_check 'loading a saved table gives the same table' \
    sh -c 'rcuctl route load saved && rcuctl route save again && cmp again saved'

tap_check 'rmmod with a full table succeeds' rmmod rust_rcu_demo
tap_check 'rmmod removes the device' not test -e $device

# Unloading frees a full table. A leaked table takes 300 KiB, 20 of them 6 MiB; the allocator and
# KASAN keep a little.
load_and_unload() {
    for _ in $(seq "$1"); do
        insmod "$module" && head -n 2000 routes >$device && rmmod rust_rcu_demo || return
    done
}
load_and_unload 3
before=$(slab_kib)
tap_check 'the module loads, fills and unloads 20 times' load_and_unload 20
after=$(slab_kib)
tap_check "loading 20 times leaks no memory (slab $before KiB before, $after KiB after)" \
    test $((after - before)) -lt 3072
tap_end
