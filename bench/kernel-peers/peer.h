/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's route tables as peers of this project's table, and the routes that they are filled
 * with.
 *
 * A peer is a structure of functions, in its own file. The measurement uses peers only through this
 * header.
 */
#ifndef PEERS_PEER_H
#define PEERS_PEER_H

#include <linux/in6.h>
#include <linux/moduleparam.h>
#include <linux/netdevice.h>
#include <linux/types.h>

#define MAX_ROUTES (1U << 22)
/* The number of the routing table that the FIB peers use. */
#define TABLE 1000

/* Defines a module parameter for the address of a symbol that is not exported. */
#define ADDRESS(name) \
	static unsigned long name##_address; \
	module_param_named(name, name##_address, ulong, 0400); \
	MODULE_PARM_DESC(name, "Address of " #name " from /proc/kallsyms")

/* An address of either family, left-aligned: an IPv4 address is followed by zeros. */
struct address {
	u64 high;
	u64 low;
};

struct route {
	struct address prefix;
	/* An IPv4 gateway is in the lowest 32 bits. */
	struct address gateway;
	u8 len;
};

struct peer;

typedef int change_fn(struct peer *peer, const struct route *route);

/* A route table of the kernel, of one family. */
struct peer {
	const char *name;
	bool is_inet6;
	/* Whether all ADDRESS() parameters of the peer are set. */
	bool (*has_addresses)(void);
	int (*init)(struct peer *peer);
	/* Returns the lower half of the gateway; 0 without a route. Call under rcu_read_lock(). */
	u64 (*lookup)(struct peer *peer, const struct address *address);
	/* Call under rtnl_lock(). */
	change_fn *add;
	change_fn *del;
	/* Optional: refills the peer's allocator. */
	void (*refill)(void);
	void *table;
	u32 changes;
	bool is_filled;
};

extern struct peer fib_trie_peer;
extern struct peer fib6_peer;
extern struct peer lpm_trie_inet_peer;
extern struct peer lpm_trie_inet6_peer;

#define PEERS 4
extern struct peer *const peers[PEERS];
/* The device of all routes of the FIB peers. */
extern struct net_device *peers_netdev;

int peers_prepare(void);
void peers_cleanup(void);
int peer_change(struct peer *peer, change_fn *change, const struct route *route, u64 *ns);

/* Routes of one family, in the order in which they were written to the device. */
struct routes {
	struct route *routes;
	u32 count;
	/* The peers have been filled, so that no route can be added. */
	bool is_closed;
};

int route_add(char *line);
struct routes *routes_of(bool is_inet6);

static inline const char *family_name(bool is_inet6)
{
	return is_inet6 ? "inet6" : "inet";
}

static inline struct address host_bits(u8 len)
{
	return (struct address){
		.high = len < 64 ? ~0ULL >> len : 0,
		.low = len <= 64 ? ~0ULL : len < 128 ? ~0ULL >> (len - 64) : 0,
	};
}

static inline struct in6_addr to_in6(const struct address *address)
{
	struct in6_addr in6;

	in6.s6_addr32[0] = htonl(address->high >> 32);
	in6.s6_addr32[1] = htonl(address->high);
	in6.s6_addr32[2] = htonl(address->low >> 32);
	in6.s6_addr32[3] = htonl(address->low);
	return in6;
}

static inline struct address from_in6(const struct in6_addr *in6)
{
	return (struct address){
		.high = (u64)ntohl(in6->s6_addr32[0]) << 32 | ntohl(in6->s6_addr32[1]),
		.low = (u64)ntohl(in6->s6_addr32[2]) << 32 | ntohl(in6->s6_addr32[3]),
	};
}

#endif
