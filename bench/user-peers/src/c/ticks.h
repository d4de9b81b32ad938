/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The time stamp counter before and after something short; src/ticks.rs has the same instructions for Rust.
 */
#ifndef PEERS_TICKS_H
#define PEERS_TICKS_H

#include <stdint.h>
#include <x86intrin.h>

/* When all before is done, and nothing that comes after has begun. */
static inline uint64_t ticks_begin(void)
{
	uint64_t now;

	_mm_lfence();
	now = __rdtsc();
	_mm_lfence();
	return now;
}

/* When all before is done. */
static inline uint64_t ticks_end(void)
{
	unsigned int cpu;
	uint64_t now = __rdtscp(&cpu);

	_mm_lfence();
	return now;
}

#endif
