/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by the XDP programs and their loader. */
#ifndef ROUTE_XDP_FORWARD_H
#define ROUTE_XDP_FORWARD_H

/* The key of a BPF_MAP_TYPE_LPM_TRIE. */
struct lpm_key {
	unsigned int bits;
	/* In network byte order. */
	unsigned int address;
};

/* The answer of a table for an address; zeros without a route. */
struct answer {
	/* In network byte order. */
	unsigned int gateway;
	unsigned int ifindex;
};

#endif
