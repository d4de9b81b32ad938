// SPDX-License-Identifier: GPL-2.0
/*
 * The parts that all peers share: the device of the FIBs' routes, and changing a route.
 */

#include <linux/ktime.h>
#include <linux/printk.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <net/net_namespace.h>
#include "peer.h"

/* The attempts to change a route while its peer has no memory, one per tick. */
#define ATTEMPTS 1000
/* The number of changes between two refills. */
#define REFILL_CHANGES 8

struct peer *const peers[PEERS] = {
	&fib_trie_peer,
	&lpm_trie_inet_peer,
	&fib6_peer,
	&lpm_trie_inet6_peer,
};

struct net_device *peers_netdev;

int peers_prepare(void)
{
	int error, i;

	for (i = 0; i < PEERS; i++) {
		if (!peers[i]->has_addresses()) {
			pr_err("peers: %s needs the addresses of its parameters from /proc/kallsyms\n", peers[i]->name);
			return -EINVAL;
		}
	}
	/* CONFIG_DUMMY creates it. */
	peers_netdev = dev_get_by_name(&init_net, "dummy0");
	if (!peers_netdev)
		return -ENODEV;
	rtnl_lock();
	error = dev_open(peers_netdev, NULL);
	rtnl_unlock();
	if (error)
		peers_cleanup();
	return error;
}

void peers_cleanup(void)
{
	dev_put(peers_netdev);
}

static void refill(struct peer *peer)
{
	if (peer->refill)
		peer->refill();
}

/* Changes a route and measures the nanoseconds of the last attempt. */
int peer_change(struct peer *peer, change_fn *change, const struct route *route, u64 *ns)
{
	int error = -ENOMEM;
	u32 attempts;
	u64 begin;

	for (attempts = 0; error == -ENOMEM && attempts < ATTEMPTS; attempts++) {
		if (attempts) {
			refill(peer);
			schedule_timeout_uninterruptible(1);
		}
		begin = ktime_get_ns();
		error = change(peer, route);
		*ns = ktime_get_ns() - begin;
	}
	if (peer->changes++ % REFILL_CHANGES == 0)
		refill(peer);
	return error;
}
