#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest: connects three network namespaces, fills the tables, and runs the forwarder.
#
# Usage: run.sh SECONDS ROUNDS
#
# Needs beside it: veth.ko, route_xdp.ko, ip.tar, forwarder.tar, forward.bpf.o, routes, addresses.
set -eu

# connect NAMESPACE DEVICE NAMESPACE DEVICE: adds a veth pair.
connect() {
    ip link add "$2" netns "$1" type veth peer name "$4" netns "$3"
    ip -n "$1" link set "$2" up
    ip -n "$3" link set "$4" up
}

tar -x -C / -f ip.tar
tar -x -C / -f forwarder.tar
insmod veth.ko
insmod route_xdp.ko
mkdir -p /run/netns
for namespace in source router sink; do ip netns add "$namespace"; done
connect source source router in
connect router out sink sink
# Addresses of /32 add no connected route: the FIB must have the routes of the file only.
ip -n router address add 192.0.2.1/32 dev in
ip -n router address add 192.0.2.2/32 dev out
ip netns exec router sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'

# sed fails if the device refuses a route.
sed 's/$/ dev out/' routes >/dev/rust_rcu_demo
sed 's/.*/route add & dev out onlink/' routes | ip -n router -batch -

forwarder forward.bpf.o routes addresses "$1" "$2" &
# A loaded program that calls the kfunc holds a reference to the module.
uses() { awk '$1 == "route_xdp" { print $3 }' /proc/modules; }
until [ "$(uses)" -gt 0 ] || ! kill -0 $! 2>/dev/null; do sleep 0.1; done
if [ "$(uses)" -gt 0 ] && rmmod route_xdp 2>/dev/null; then
    echo 'rmmod succeeded while a program calls the module' >&2
    exit 1
fi
wait $!
rmmod route_xdp
