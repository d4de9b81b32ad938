// SPDX-License-Identifier: GPL-2.0
/*
 * The command fill: adds all routes of its family to each peer.
 */

#include <linux/errno.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include "bench.h"

static int add_all(struct peer *peer, const struct routes *routes, u32 *added)
{
	int error = 0;
	u64 ns;

	for (*added = 0; *added < routes->count; (*added)++) {
		rtnl_lock();
		error = peer_change(peer, peer->add, &routes->routes[*added], &ns);
		rtnl_unlock();
		if (error)
			break;
		if (*added % 64 == 0)
			cond_resched();
	}
	return error;
}

static int fill_peer(struct peer *peer)
{
	struct routes *routes = routes_of(peer->is_inet6);
	u64 begin = ktime_get_ns();
	u32 added = 0;
	int error;

	if (peer->is_filled || !routes->count)
		return 0;
	/* A failed attempt has left some of the routes. */
	if (peer->table)
		return -EBUSY;
	routes->is_closed = true;
	error = peer->init(peer);
	if (!error)
		error = add_all(peer, routes, &added);
	if (error) {
		report("failed peer=%s family=%s routes=%u error=%d\n", peer->name, family_name(peer->is_inet6), added,
		       error);
		return error;
	}
	peer->is_filled = true;
	report("filled peer=%s family=%s routes=%u milliseconds=%llu\n", peer->name, family_name(peer->is_inet6), added,
	       div_u64(ktime_get_ns() - begin, NSEC_PER_MSEC));
	return 0;
}

int run_fill(void)
{
	int error = 0, i;

	for (i = 0; !error && i < PEERS; i++)
		error = fill_peer(peers[i]);
	return error;
}
