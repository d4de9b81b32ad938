// SPDX-License-Identifier: GPL-2.0
/*
 * BPF's LPM trie, for both families, as a peer: a map without a file descriptor, called through its
 * operations.
 *
 * irq_work refills the map's allocator, in user-mode Linux at the next tick only. So refill() runs
 * that work after some changes. If the allocator is empty nevertheless, peer_change() waits for a
 * tick.
 */

#include <linux/bpf.h>
#include <linux/err.h>
#include <linux/irq_work.h>
#include <linux/irqflags.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include "peer.h"

ADDRESS(trie_map_ops);

struct lpm_key {
	u32 len;
	__be32 words[4];
};

static bool lpm_trie_peer_has_addresses(void)
{
	return trie_map_ops_address;
}

static int lpm_trie_peer_init(struct peer *peer)
{
	const struct bpf_map_ops *ops = (void *)trie_map_ops_address;
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_LPM_TRIE,
		.key_size = sizeof(u32) + (peer->is_inet6 ? 16 : 4),
		/* The lower half of the gateway. */
		.value_size = sizeof(u64),
		.max_entries = MAX_ROUTES,
		.map_flags = BPF_F_NO_PREALLOC,
	};
	struct bpf_map *map = ops->map_alloc(&attr);

	if (IS_ERR(map))
		return PTR_ERR(map);
	map->ops = ops;
	peer->table = map;
	return 0;
}

static struct lpm_key lpm_trie_peer_key(const struct address *address, u32 len)
{
	struct in6_addr in6 = to_in6(address);
	struct lpm_key key = { .len = len };

	memcpy(key.words, &in6, sizeof(in6));
	return key;
}

static noinline u64 lpm_trie_peer_lookup(struct peer *peer, const struct address *address)
{
	struct bpf_map *map = peer->table;
	struct lpm_key key = lpm_trie_peer_key(address, peer->is_inet6 ? 128 : 32);
	u64 *gateway = map->ops->map_lookup_elem(map, &key);

	return gateway ? *gateway : 0;
}

static void lpm_trie_peer_refill(void)
{
	local_irq_disable();
	irq_work_run();
	local_irq_enable();
}

/* bpf() calls a map in this way: its allocator is per CPU. */
static void lpm_trie_peer_begin(void)
{
	migrate_disable();
	rcu_read_lock();
}

static void lpm_trie_peer_end(void)
{
	rcu_read_unlock();
	migrate_enable();
}

static int lpm_trie_peer_add(struct peer *peer, const struct route *route)
{
	struct bpf_map *map = peer->table;
	struct lpm_key key = lpm_trie_peer_key(&route->prefix, route->len);
	u64 gateway = route->gateway.low;
	int error;

	lpm_trie_peer_begin();
	error = map->ops->map_update_elem(map, &key, &gateway, BPF_NOEXIST);
	lpm_trie_peer_end();
	return error;
}

static int lpm_trie_peer_del(struct peer *peer, const struct route *route)
{
	struct bpf_map *map = peer->table;
	struct lpm_key key = lpm_trie_peer_key(&route->prefix, route->len);
	int error;

	lpm_trie_peer_begin();
	error = map->ops->map_delete_elem(map, &key);
	lpm_trie_peer_end();
	return error;
}

#define LPM_TRIE_PEER \
	.name = "lpm_trie", \
	.has_addresses = lpm_trie_peer_has_addresses, \
	.init = lpm_trie_peer_init, \
	.lookup = lpm_trie_peer_lookup, \
	.add = lpm_trie_peer_add, \
	.del = lpm_trie_peer_del, \
	.refill = lpm_trie_peer_refill

struct peer lpm_trie_inet_peer = { LPM_TRIE_PEER, .is_inet6 = false };
struct peer lpm_trie_inet6_peer = { LPM_TRIE_PEER, .is_inet6 = true };
