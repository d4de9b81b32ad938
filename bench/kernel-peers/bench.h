/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the peers are measured with: streams of addresses, readers that are timed, and what is told of it. It does what
 * scale/ of rust_rcu_demo does, in the same way, so that the figures can be compared.
 */
#ifndef PEERS_BENCH_H
#define PEERS_BENCH_H

#include <linux/atomic.h>
#include <linux/types.h>
#include "peer.h"

/* Passes that are timed together. */
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
void stream_tell(const struct stream *stream, int kind, struct peer *peer);

/* report.c */

int report_init(void);
void report_free(void);
ssize_t report_read(char __user *buffer, size_t count, loff_t *position);
int report_error(void);
__printf(1, 2) void tell(const char *format, ...);

/* figures.c */

void figures_sort(u64 *figures, u32 count);
u64 figures_at(const u64 *figures, u32 count, u32 percent);
void figures_tell_ps(const char *name, const u64 *figures, u32 count, u32 percent);

/* readers.c: what one of them has found. */
struct tally {
	/* When it began and when it was done. */
	u64 first, last;
	/* Of the batches that count, their time and how many there were. */
	u64 time, kept;
} ____cacheline_aligned;

struct experiment {
	/* Does BATCH passes. */
	void (*pass)(const struct experiment *experiment, u32 reader, u32 batch);
	u32 batches;
	u32 readers;
	/* For lookups. */
	struct peer *peer;
	const struct stream *stream;
	bool is_chained;
	/* How far readers begin apart, in batches. */
	u32 apart;
	/* Of readers that run. */
	atomic_t arrived, ready, done;
	struct tally *tallies;
};

int readers_run(struct experiment *experiment);

/* experiment.c */

bool experiment_is_sensible(u32 runs, u32 loops, u32 readers);
int experiment_tell(struct experiment *experiment, u32 readers, u32 runs, const char *label);

/* The commands, a file each. */

int command_fill(void);
int command_lookup(u32 runs, u32 loops, u32 readers, u32 seed);
int command_read(u32 runs, u32 loops, u32 readers);
int command_update(u32 runs, u32 changes, u32 seed);

#endif
