// SPDX-License-Identifier: GPL-2.0
/*
 * Runs readers several times and reports a row of the results.
 */

#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include "bench.h"

/* The result of all readers of one run, as in struct tally. */
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

/* The results of several runs, in picoseconds per lookup or section. */
struct results {
	u64 *own, *wall;
	/* A run without any batch that counts has no figure in `own`. */
	u32 own_count;
	u32 wall_count;
	u64 dropped;
};

static void results_add(struct results *results, const struct experiment *experiment, const struct measured *measured)
{
	u64 wall = measured->last - measured->first;

	if (measured->kept)
		results->own[results->own_count++] = div64_u64(measured->time * 1000, measured->kept * BATCH);
	results->wall[results->wall_count++] = div64_u64(wall * 1000, (u64)experiment->batches * BATCH);
	results->dropped += (u64)experiment->batches * experiment->readers - measured->kept;
}

static void results_report(struct results *results, const struct experiment *experiment, const char *label)
{
	figures_sort(results->own, results->own_count);
	figures_sort(results->wall, results->wall_count);
	report("row %s readers=%u", label, experiment->readers);
	report_percentile_ps("min", results->own, results->own_count, 0);
	report_percentile_ps("median", results->own, results->own_count, 50);
	report_percentile_ps("max", results->own, results->own_count, 100);
	report_percentile_ps("wall", results->wall, results->wall_count, 50);
	report(" dropped=%llu\n", results->dropped);
}

static int run_row(struct experiment *experiment, u32 runs, const char *label)
{
	struct results results = {
		.own = kcalloc(runs, sizeof(u64), GFP_KERNEL),
		.wall = kcalloc(runs, sizeof(u64), GFP_KERNEL),
	};
	int error = results.own && results.wall ? 0 : -ENOMEM;
	struct measured measured;
	u32 run;

	for (run = 0; !error && run < runs; run++) {
		error = measure(experiment, &measured);
		if (error)
			break;
		results_add(&results, experiment, &measured);
		if (signal_pending(current))
			error = -EINTR;
	}
	if (!error)
		results_report(&results, experiment, label);
	kfree(results.own);
	kfree(results.wall);
	return error;
}

/* Reports a row with one reader, and one with `readers`. `label` names the measured thing. */
int experiment_run(struct experiment *experiment, u32 readers, u32 runs, const char *label)
{
	int error;

	experiment->readers = 1;
	error = run_row(experiment, runs, label);
	if (error || readers == 1)
		return error;
	experiment->readers = readers;
	return run_row(experiment, runs, label);
}

bool experiment_is_valid(u32 runs, u32 loops, u32 readers)
{
	return runs && runs <= MAX_RUNS && loops && loops <= 1 << 26 && readers &&
	       readers <= min(num_online_cpus(), MAX_READERS);
}
