// SPDX-License-Identifier: GPL-2.0
/*
 * SplitMix64 of Steele, Lea and Flood: returns the same numbers as scale/stream.rs for the same
 * seed.
 */

#include "bench.h"

u64 random_next(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* Returns a number below `end`, which must be at most 2^32. */
u32 random_below(u64 *state, u64 end)
{
	return ((random_next(state) >> 32) * end) >> 32;
}
