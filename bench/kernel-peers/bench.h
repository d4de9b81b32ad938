/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The measurement of the peers: streams of addresses, timed readers, and the report. It works
 * like scale/ of rust_rcu_demo, so that the figures are comparable.
 */
#ifndef PEERS_BENCH_H
#define PEERS_BENCH_H

#include <linux/atomic.h>
#include <linux/types.h>
#include "peer.h"

/* The lookups or sections that are timed together. */
#define BATCH 4096
#define MAX_READERS 512
#define MAX_RUNS 1000

/* random.c */

u64 random_next(u64 *state);
u32 random_below(u64 *state, u64 end);

/* stream.c */

enum { STREAM_A, STREAM_B, STREAM_C, STREAM_D, STREAMS };

struct stream {
	struct address *addresses;
	u32 count;
};

int stream_make(struct stream *stream, int kind, bool is_inet6, u32 loops, u32 seed);
void stream_free(struct stream *stream);
void stream_report(const struct stream *stream, int kind, struct peer *peer);

/* report.c */

int report_init(void);
void report_free(void);
ssize_t report_read(char __user *buffer, size_t count, loff_t *position);
int report_error(void);
__printf(1, 2) void report(const char *format, ...);

/* figures.c */

void figures_sort(u64 *figures, u32 count);
u64 percentile(const u64 *figures, u32 count, u32 percent);
void report_percentile_ps(const char *name, const u64 *figures, u32 count, u32 percent);

/* readers.c */

/* The result of one reader, in nanoseconds. */
struct tally {
	/* The start and end of its work. */
	u64 first, last;
	/* The time and number of the batches without preemption. */
	u64 time, kept;
} ____cacheline_aligned;

struct experiment {
	/* Does one batch of work. */
	void (*pass)(const struct experiment *experiment, u32 reader, u32 batch);
	u32 batches;
	u32 readers;
	/* For lookups only. */
	struct peer *peer;
	const struct stream *stream;
	bool is_dependent;
	/* The distance between the first batches of two readers. */
	u32 distance;
	/* The numbers of readers that have reached each state. */
	atomic_t arrived, ready, done;
	struct tally *tallies;
};

int readers_run(struct experiment *experiment);

/* experiment.c */

bool experiment_is_valid(u32 runs, u32 loops, u32 readers);
int experiment_run(struct experiment *experiment, u32 readers, u32 runs, const char *label);

/* The commands, one per file. */

int run_fill(void);
int run_lookup(u32 runs, u32 loops, u32 readers, u32 seed);
int run_read(u32 runs, u32 loops, u32 readers);
int run_update(u32 runs, u32 changes, u32 seed);

#endif
