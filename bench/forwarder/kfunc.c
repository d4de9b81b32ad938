// SPDX-License-Identifier: GPL-2.0
/*
 * The kfunc that XDP programs call. It is C, because pahole leaves Rust functions out of BTF.
 */
#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <net/xdp.h>
#include "kfunc.h"

/* Makes the verifier refuse null pointers. Kernels without the flag refuse them for all kfuncs. */
#ifndef KF_TRUSTED_ARGS
#define KF_TRUSTED_ARGS 0
#endif

__bpf_kfunc_start_defs();

/**
 * bpf_route_xdp_lookup - finds the next hop of a packet in the table
 * @ctx: the packet; the device is searched in the namespace of the receiving device
 * @address: the destination, in network byte order
 * @address__sz: 4 for IPv4, 16 for IPv6
 * @hop: the next hop, written on success
 *
 * Context: any; the caller is in an RCU read-side critical section. Never waits.
 * Return: 0; -ENETUNREACH if no route forwards the packet; -ENODEV if the device does not exist;
 * -EINVAL if the size is neither 4 nor 16.
 */
__bpf_kfunc int bpf_route_xdp_lookup(struct xdp_md *ctx, const u8 *address, u32 address__sz,
				     struct route_xdp_hop *hop)
{
	const struct xdp_buff *xdp = (const struct xdp_buff *)ctx;
	const struct net_device *device;
	int error = route_xdp_find(address, address__sz, hop);

	if (error || !hop->name[0])
		return error;
	device = dev_get_by_name_rcu(dev_net(xdp->rxq->dev), hop->name);
	if (!device)
		return -ENODEV;
	hop->ifindex = device->ifindex;
	return 0;
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(route_xdp_ids)
BTF_ID_FLAGS(func, bpf_route_xdp_lookup, KF_TRUSTED_ARGS)
BTF_KFUNCS_END(route_xdp_ids)

static const struct btf_kfunc_id_set route_xdp_set = {
	.owner = THIS_MODULE,
	.set = &route_xdp_ids,
};

int route_xdp_register(void)
{
	return register_btf_kfunc_id_set(BPF_PROG_TYPE_XDP, &route_xdp_set);
}
