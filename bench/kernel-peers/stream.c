// SPDX-License-Identifier: GPL-2.0
/*
 * Makes the streams of addresses of scale/stream.rs, which describes them, from the same prefixes
 * and seed. Hashes of the addresses and of the answers prove that both modules measure the same.
 */

#include <linux/errno.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>
#include "bench.h"

#define MAX_ADDRESSES (1U << 22)

/* The FNV-1a hash, over words instead of bytes. */
#define HASH_INIT 0xcbf29ce484222325ULL
#define HASH_PRIME 0x00000100000001b3ULL

static void hash_word(u64 *state, u64 word)
{
	*state = (*state ^ word) * HASH_PRIME;
}

static struct address random_address(u64 *state, bool is_inet6)
{
	struct address address = { .high = random_next(state) };

	if (is_inet6)
		address.low = random_next(state);
	else
		address.high = address.high >> 32 << 32;
	return address;
}

static struct address random_inside(u64 *state, bool is_inet6)
{
	const struct routes *routes = routes_of(is_inet6);
	const struct route *route = &routes->routes[random_below(state, routes->count)];
	struct address address = random_address(state, is_inet6);
	struct address rest = host_bits(route->len);

	return (struct address){
		.high = route->prefix.high | (address.high & rest.high),
		.low = route->prefix.low | (address.low & rest.low),
	};
}

/* Makes at least `loops` addresses, up to MAX_ADDRESSES, in whole batches. */
int stream_make(struct stream *stream, int kind, bool is_inet6, u32 loops, u32 seed)
{
	u32 count = kind == STREAM_D ? BATCH : roundup(clamp(loops, 1U, MAX_ADDRESSES), BATCH);
	u64 state = (u64)seed + (kind == STREAM_A ? 0 : 1);
	struct address *addresses = vmalloc_array(count, sizeof(*addresses));
	u32 i;

	if (!addresses)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		if (kind == STREAM_A)
			addresses[i] = random_address(&state, is_inet6);
		else if (kind == STREAM_D && i > 0)
			addresses[i] = addresses[0];
		else
			addresses[i] = random_inside(&state, is_inet6);
		if (i % BATCH == 0)
			cond_resched();
	}
	*stream = (struct stream){ .addresses = addresses, .count = count };
	return 0;
}

void stream_free(struct stream *stream)
{
	vfree(stream->addresses);
}

/* Reports the hashes of the addresses and of a peer's answers. */
void stream_report(const struct stream *stream, int kind, struct peer *peer)
{
	u64 addresses = HASH_INIT, answers = HASH_INIT;
	u32 i;

	for (i = 0; i < stream->count; i++) {
		hash_word(&addresses, stream->addresses[i].high);
		hash_word(&addresses, stream->addresses[i].low);
		rcu_read_lock();
		hash_word(&answers, peer->lookup(peer, &stream->addresses[i]));
		rcu_read_unlock();
		if (i % BATCH == 0)
			cond_resched();
	}
	report("stream peer=%s family=%s stream=%c count=%u addresses=%016llx answers=%016llx\n", peer->name,
	       family_name(peer->is_inet6), 'a' + kind, stream->count, addresses, answers);
}
