// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's IPv6 FIB as a peer: fib6_table_lookup() in a separate table, or in the main table if
 * the kernel has no others.
 */

#include <net/ip6_fib.h>
#include <net/ip6_route.h>
#include <net/net_namespace.h>
#include "peer.h"

ADDRESS(fib6_table_lookup);
ADDRESS(ip6_route_add);
ADDRESS(ip6_route_del);

typedef int fib6_lookup_fn(struct net *net, struct fib6_table *table, int oif, struct flowi6 *flow,
			   struct fib6_result *result, int strict);
typedef int fib6_add_fn(struct fib6_config *config, gfp_t flags, struct netlink_ext_ack *ack);
typedef int fib6_del_fn(struct fib6_config *config, struct netlink_ext_ack *ack);

static bool fib6_peer_has_addresses(void)
{
	return fib6_table_lookup_address && ip6_route_add_address && ip6_route_del_address;
}

/* Deletes a route that the kernel has added for the device, so that the main table is empty. */
static void fib6_peer_delete_automatic(u32 prefix, int len)
{
	struct fib6_config config = {
		.fc_table = TABLE,
		.fc_dst.s6_addr32[0] = htonl(prefix),
		.fc_dst_len = len,
		.fc_ifindex = peers_netdev->ifindex,
		.fc_nlinfo.nl_net = &init_net,
	};

	while (!((fib6_del_fn *)ip6_route_del_address)(&config, NULL))
		;
}

static int fib6_peer_init(struct peer *peer)
{
#ifdef CONFIG_IPV6_MULTIPLE_TABLES
	peer->table = fib6_new_table(&init_net, TABLE);
#else
	peer->table = init_net.ipv6.fib6_main_tbl;
#endif
	if (!peer->table)
		return -ENOMEM;
	fib6_peer_delete_automatic(0xfe800000, 64);
	fib6_peer_delete_automatic(0xff000000, 8);
	return 0;
}

static noinline u64 fib6_peer_lookup(struct peer *peer, const struct address *address)
{
	struct flowi6 flow = { .daddr = to_in6(address) };
	struct fib6_result result = {};

	((fib6_lookup_fn *)fib6_table_lookup_address)(&init_net, peer->table, 0, &flow, &result, 0);
	if (!result.f6i || result.f6i == init_net.ipv6.fib6_null_entry)
		return 0;
	return from_in6(&result.nh->fib_nh_gw6).low;
}

static struct fib6_config fib6_peer_config(const struct route *route)
{
	return (struct fib6_config){
		.fc_table = TABLE,
		.fc_metric = IP6_RT_PRIO_USER,
		.fc_dst = to_in6(&route->prefix),
		.fc_dst_len = route->len,
		.fc_ifindex = peers_netdev->ifindex,
		.fc_flags = RTF_UP | RTF_GATEWAY | RTNH_F_ONLINK,
		.fc_protocol = RTPROT_STATIC,
		.fc_type = RTN_UNICAST,
		.fc_gateway = to_in6(&route->gateway),
		.fc_nlinfo.nl_net = &init_net,
	};
}

static int fib6_peer_add(struct peer *peer, const struct route *route)
{
	struct fib6_config config = fib6_peer_config(route);

	return ((fib6_add_fn *)ip6_route_add_address)(&config, GFP_KERNEL, NULL);
}

static int fib6_peer_del(struct peer *peer, const struct route *route)
{
	struct fib6_config config = fib6_peer_config(route);

	return ((fib6_del_fn *)ip6_route_del_address)(&config, NULL);
}

struct peer fib6_peer = {
	.name = "fib6",
	.is_inet6 = true,
	.has_addresses = fib6_peer_has_addresses,
	.init = fib6_peer_init,
	.lookup = fib6_peer_lookup,
	.add = fib6_peer_add,
	.del = fib6_peer_del,
};
