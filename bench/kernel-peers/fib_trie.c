// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's IPv4 FIB, a compressed trie, as a peer: fib_table_lookup() in a separate table.
 */

#include <linux/rtnetlink.h>
#include <net/ip_fib.h>
#include <net/net_namespace.h>
#include "peer.h"

ADDRESS(fib_table_insert);
ADDRESS(fib_table_delete);

typedef int fib_change_fn(struct net *net, struct fib_table *table, struct fib_config *config,
			  struct netlink_ext_ack *ack);

static bool fib_trie_peer_has_addresses(void)
{
	return fib_table_insert_address && fib_table_delete_address;
}

static int fib_trie_peer_init(struct peer *peer)
{
	struct fib_table *local;

	rtnl_lock();
	/* The kernel checks gateways in the local table, which does not exist before the first address. */
	local = fib_new_table(&init_net, RT_TABLE_LOCAL);
	peer->table = fib_new_table(&init_net, TABLE);
	rtnl_unlock();
	return local && peer->table ? 0 : -ENOMEM;
}

static noinline u64 fib_trie_peer_lookup(struct peer *peer, const struct address *address)
{
	struct flowi4 flow = { .daddr = htonl(address->high >> 32) };
	struct fib_result result;

	if (fib_table_lookup(peer->table, &flow, &result, FIB_LOOKUP_NOREF))
		return 0;
	return ntohl(result.nhc->nhc_gw.ipv4);
}

static struct fib_config fib_trie_peer_config(const struct route *route)
{
	return (struct fib_config){
		.fc_dst = htonl(route->prefix.high >> 32),
		.fc_dst_len = route->len,
		.fc_table = TABLE,
		.fc_type = RTN_UNICAST,
		.fc_scope = RT_SCOPE_UNIVERSE,
		.fc_protocol = RTPROT_STATIC,
		.fc_gw_family = AF_INET,
		.fc_gw4 = htonl(route->gateway.low),
		.fc_oif = peers_netdev->ifindex,
		.fc_flags = RTNH_F_ONLINK,
		.fc_nlflags = NLM_F_CREATE,
		.fc_nlinfo.nl_net = &init_net,
	};
}

static int fib_trie_peer_add(struct peer *peer, const struct route *route)
{
	struct fib_config config = fib_trie_peer_config(route);
	fib_change_fn *insert = (fib_change_fn *)fib_table_insert_address;

	return insert(&init_net, peer->table, &config, NULL);
}

static int fib_trie_peer_del(struct peer *peer, const struct route *route)
{
	struct fib_config config = fib_trie_peer_config(route);
	fib_change_fn *delete = (fib_change_fn *)fib_table_delete_address;

	return delete(&init_net, peer->table, &config, NULL);
}

struct peer fib_trie_peer = {
	.name = "fib_trie",
	.is_inet6 = false,
	.has_addresses = fib_trie_peer_has_addresses,
	.init = fib_trie_peer_init,
	.lookup = fib_trie_peer_lookup,
	.add = fib_trie_peer_add,
	.del = fib_trie_peer_del,
};
