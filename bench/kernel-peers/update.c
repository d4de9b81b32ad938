// SPDX-License-Identifier: GPL-2.0
/*
 * The command update: deletes routes and adds them again, 500 at a time, like scale/update.rs.
 */

#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/vmalloc.h>
#include "bench.h"

/* The routes that are deleted before they are added again. */
#define GROUP 500
/* The limit of the figures of a row. */
#define MAX_CHANGES (1U << 24)

/* Chooses at most `count` random routes, the same as scale/writer.rs. */
static struct route *choose(const struct routes *routes, u32 *count, u32 seed)
{
	struct route *chosen;
	u64 state = (u64)seed + 2;
	u32 i, place;

	*count = min(*count, routes->count);
	chosen = vmalloc_array(*count, sizeof(*chosen));
	for (i = 0; chosen && i < routes->count; i++) {
		place = i < *count ? i : random_below(&state, i + 1);
		if (place < *count)
			chosen[place] = routes->routes[i];
	}
	return chosen;
}

/* Adds all routes that were deleted, even if a deletion fails. */
static int delete_and_add(struct peer *peer, const struct route *routes, u32 count, u64 *deleted, u64 *added)
{
	int error = 0, failed;
	u32 gone, i;

	rtnl_lock();
	for (gone = 0; gone < count; gone++) {
		error = peer_change(peer, peer->del, &routes[gone], &deleted[gone]);
		if (error)
			break;
	}
	for (i = 0; i < gone; i++) {
		failed = peer_change(peer, peer->add, &routes[i], &added[i]);
		error = error ?: failed;
	}
	rtnl_unlock();
	return error;
}

static int change_all(struct peer *peer, const struct route *routes, u32 count, u64 *deleted, u64 *added)
{
	int error = 0;
	u32 i;

	for (i = 0; !error && i < count; i += GROUP) {
		error = delete_and_add(peer, routes + i, min(count - i, GROUP), deleted + i, added + i);
		if (signal_pending(current))
			error = error ?: -EINTR;
		cond_resched();
	}
	return error;
}

static void report_row(const struct peer *peer, const char *change, u64 *figures, u32 count)
{
	figures_sort(figures, count);
	report("row peer=%s family=%s change=%s count=%u min=%llu median=%llu p90=%llu p99=%llu max=%llu\n", peer->name,
	       family_name(peer->is_inet6), change, count, percentile(figures, count, 0), percentile(figures, count, 50),
	       percentile(figures, count, 90), percentile(figures, count, 99), percentile(figures, count, 100));
}

static int update_peer(struct peer *peer, u32 runs, u32 changes, u32 seed)
{
	struct route *routes = choose(routes_of(peer->is_inet6), &changes, seed);
	u64 *deleted = vcalloc(runs * changes, sizeof(u64));
	u64 *added = vcalloc(runs * changes, sizeof(u64));
	int error = routes && deleted && added ? 0 : -ENOMEM;
	u32 run;

	for (run = 0; !error && run < runs; run++)
		error = change_all(peer, routes, changes, deleted + run * changes, added + run * changes);
	if (!error) {
		report_row(peer, "delete", deleted, runs * changes);
		report_row(peer, "add", added, runs * changes);
	}
	vfree(added);
	vfree(deleted);
	vfree(routes);
	return error;
}

int run_update(u32 runs, u32 changes, u32 seed)
{
	int error = 0, i;

	if (!runs || runs > MAX_RUNS || !changes || changes > MAX_CHANGES / runs)
		return -EINVAL;
	for (i = 0; !error && i < PEERS; i++)
		if (peers[i]->is_filled)
			error = update_peer(peers[i], runs, changes, seed);
	return error;
}
