/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reads the time stamp counter around short functions; src/ticks.rs has the same instructions for
 * Rust.
 */
#ifndef PEERS_TICKS_H
#define PEERS_TICKS_H

#include <stdint.h>
#include <x86intrin.h>

/* Reads the counter after all previous instructions and before all that follow. */
static inline uint64_t ticks_begin(void)
{
	uint64_t now;

	_mm_lfence();
	now = __rdtsc();
	_mm_lfence();
	return now;
}

/* Reads the counter after all previous instructions. */
static inline uint64_t ticks_end(void)
{
	unsigned int cpu;
	uint64_t now = __rdtscp(&cpu);

	_mm_lfence();
	return now;
}

#endif
