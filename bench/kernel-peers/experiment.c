// SPDX-License-Identifier: GPL-2.0
/*
 * Runs of readers, and the row that is told of them.
 */

#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include "bench.h"

/* Of all readers in one run. */
struct measured {
	u64 first, last, time, kept;
};

static int measure(struct experiment *experiment, struct measured *measured)
{
	const struct tally *tally;
	int error;
	u32 i;

	*measured = (struct measured){ .first = U64_MAX };
	experiment->tallies = kcalloc(experiment->readers, sizeof(*tally), GFP_KERNEL);
	if (!experiment->tallies)
		return -ENOMEM;
	error = readers_run(experiment);
	for (i = 0; !error && i < experiment->readers; i++) {
		tally = &experiment->tallies[i];
		measured->first = min(measured->first, tally->first);
		measured->last = max(measured->last, tally->last);
		measured->time += tally->time;
		measured->kept += tally->kept;
	}
	kfree(experiment->tallies);
	return error;
}

/* What runs have found, in picoseconds a pass. */
struct found {
	u64 *own, *wall;
	/* Runs of which some batch counts; the others have no figure. */
	u32 own_count;
	u32 wall_count;
	u64 dropped;
};

static void found_add(struct found *found, const struct experiment *experiment, const struct measured *measured)
{
	u64 wall = measured->last - measured->first;

	if (measured->kept)
		found->own[found->own_count++] = div64_u64(measured->time * 1000, measured->kept * BATCH);
	found->wall[found->wall_count++] = div64_u64(wall * 1000, (u64)experiment->batches * BATCH);
	found->dropped += (u64)experiment->batches * experiment->readers - measured->kept;
}

static void found_tell(struct found *found, const struct experiment *experiment, const char *label)
{
	figures_sort(found->own, found->own_count);
	figures_sort(found->wall, found->wall_count);
	tell("row %s readers=%u", label, experiment->readers);
	figures_tell_ps("min", found->own, found->own_count, 0);
	figures_tell_ps("median", found->own, found->own_count, 50);
	figures_tell_ps("max", found->own, found->own_count, 100);
	figures_tell_ps("wall", found->wall, found->wall_count, 50);
	tell(" dropped=%llu\n", found->dropped);
}

static int tell_row(struct experiment *experiment, u32 runs, const char *label)
{
	struct found found = {
		.own = kcalloc(runs, sizeof(u64), GFP_KERNEL),
		.wall = kcalloc(runs, sizeof(u64), GFP_KERNEL),
	};
	int error = found.own && found.wall ? 0 : -ENOMEM;
	struct measured measured;
	u32 run;

	for (run = 0; !error && run < runs; run++) {
		error = measure(experiment, &measured);
		if (error)
			break;
		found_add(&found, experiment, &measured);
		if (signal_pending(current))
			error = -EINTR;
	}
	if (!error)
		found_tell(&found, experiment, label);
	kfree(found.own);
	kfree(found.wall);
	return error;
}

/* A row with one reader, and one with as many as are asked for. What they read `label` says. */
int experiment_tell(struct experiment *experiment, u32 readers, u32 runs, const char *label)
{
	int error;

	experiment->readers = 1;
	error = tell_row(experiment, runs, label);
	if (error || readers == 1)
		return error;
	experiment->readers = readers;
	return tell_row(experiment, runs, label);
}

bool experiment_is_sensible(u32 runs, u32 loops, u32 readers)
{
	return runs && runs <= MAX_RUNS && loops && loops <= 1 << 26 && readers &&
	       readers <= min(num_online_cpus(), MAX_READERS);
}
