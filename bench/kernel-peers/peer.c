// SPDX-License-Identifier: GPL-2.0
/*
 * What all peers have in common: the device that the FIBs' routes lead to, and how a route is changed.
 */

#include <linux/ktime.h>
#include <linux/printk.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <net/net_namespace.h>
#include "peer.h"

/* Attempts to change a route while its peer has no memory, a tick apart. */
#define ATTEMPTS 1000
/* Changes from one time a peer may settle to the next. */
#define SETTLE 8

struct peer *const peers[PEERS] = {
	&fib_trie_peer,
	&lpm_trie_inet_peer,
	&fib6_peer,
	&lpm_trie_inet6_peer,
};

struct net_device *peers_netdev;

/* Before any routes are taken. */
int peers_prepare(void)
{
	int error, i;

	for (i = 0; i < PEERS; i++) {
		if (!peers[i]->has_addresses()) {
			pr_err("peers: each parameter is an address from /proc/kallsyms\n");
			return -EINVAL;
		}
	}
	/* The one that CONFIG_DUMMY makes. */
	peers_netdev = dev_get_by_name(&init_net, "dummy0");
	if (!peers_netdev)
		return -ENODEV;
	rtnl_lock();
	error = dev_open(peers_netdev, NULL);
	rtnl_unlock();
	if (error)
		peers_unprepare();
	return error;
}

void peers_unprepare(void)
{
	dev_put(peers_netdev);
}

static void settle(struct peer *peer)
{
	if (peer->settle)
		peer->settle();
}

/* Changes a route, and tells how many nanoseconds that took. */
int peer_change(struct peer *peer, change_fn *change, const struct route *route, u64 *figure)
{
	int error = -ENOMEM;
	u32 attempts;
	u64 begin;

	for (attempts = 0; error == -ENOMEM && attempts < ATTEMPTS; attempts++) {
		if (attempts) {
			settle(peer);
			schedule_timeout_uninterruptible(1);
		}
		begin = ktime_get_ns();
		error = change(peer, route);
		*figure = ktime_get_ns() - begin;
	}
	if (peer->changes++ % SETTLE == 0)
		settle(peer);
	return error;
}
