// SPDX-License-Identifier: GPL-2.0
/*
 * The command lookup: measures the peers as scale=lookup measures a table.
 */

#include <linux/compiler.h>
#include <linux/math.h>
#include <linux/rcupdate.h>
#include <linux/sprintf.h>
#include "bench.h"

/* The lookups of one read-side critical section. */
#define SECTION 64

/* Keeps the compiler from dropping the answers as unused. */
static u64 sink;

static void lookups(const struct experiment *experiment, u32 reader, u32 batch)
{
	u32 batches = experiment->stream->count / BATCH;
	size_t first = (size_t)((batch + reader * experiment->distance) % batches) * BATCH;
	const struct address *addresses = experiment->stream->addresses + first;
	struct peer *peer = experiment->peer;
	u64 sum = 0, last = 0, no_bits = 0;
	u32 section, i;

	OPTIMIZER_HIDE_VAR(no_bits);
	for (section = 0; section < BATCH; section += SECTION) {
		rcu_read_lock();
		if (experiment->is_dependent) {
			for (i = section; i < section + SECTION; i++) {
				last = peer->lookup(peer, &addresses[i + (last & no_bits)]);
				sum += last;
			}
		} else {
			for (i = section; i < section + SECTION; i++)
				sum += peer->lookup(peer, &addresses[i]);
		}
		rcu_read_unlock();
	}
	OPTIMIZER_HIDE_VAR(sum);
	if (unlikely(sum == 1))
		WRITE_ONCE(sink, sum);
}

static int lookup_stream(struct peer *peer, const struct stream *stream, int kind, u32 runs, u32 loops, u32 readers)
{
	struct experiment experiment = {
		.pass = lookups,
		.batches = DIV_ROUND_UP(loops, BATCH),
		.peer = peer,
		.stream = stream,
		.is_dependent = kind == STREAM_C,
		.distance = stream->count / BATCH / readers,
	};
	char label[64];

	snprintf(label, sizeof(label), "peer=%s family=%s stream=%c", peer->name, family_name(peer->is_inet6),
		 'a' + kind);
	return experiment_run(&experiment, readers, runs, label);
}

static int lookup_peer(struct peer *peer, u32 runs, u32 loops, u32 readers, u32 seed)
{
	struct stream stream;
	int error = 0, kind;

	for (kind = STREAM_A; !error && kind < STREAMS; kind++) {
		error = stream_make(&stream, kind, peer->is_inet6, loops, seed);
		if (error)
			break;
		if (kind == STREAM_A || kind == STREAM_B)
			stream_report(&stream, kind, peer);
		error = lookup_stream(peer, &stream, kind, runs, loops, readers);
		stream_free(&stream);
	}
	return error;
}

int run_lookup(u32 runs, u32 loops, u32 readers, u32 seed)
{
	int error = 0, i;

	if (!experiment_is_valid(runs, loops, readers))
		return -EINVAL;
	for (i = 0; !error && i < PEERS; i++)
		if (peers[i]->is_filled)
			error = lookup_peer(peers[i], runs, loops, readers, seed);
	return error;
}
