/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by the kernel module's C and the XDP programs; kfunc.rs has the same structure. */
#ifndef ROUTE_XDP_KFUNC_H
#define ROUTE_XDP_KFUNC_H

/* A next hop. */
struct route_xdp_hop {
	/* In network byte order; IPv4 in the first four bytes. Zeros: the destination is on the link. */
	unsigned char gateway[16];
	/* The name of the device; empty if the route names none. */
	char name[16];
	/* The index of the device in the namespace of the receiving device; 0 without a name. */
	unsigned int ifindex;
	/* The family of the gateway: AF_INET, AF_INET6, or 0 without gateway. */
	unsigned int family;
};

#ifdef __KERNEL__
int route_xdp_find(const u8 *address, u32 size, struct route_xdp_hop *hop);
int route_xdp_register(void);
#endif

#endif
