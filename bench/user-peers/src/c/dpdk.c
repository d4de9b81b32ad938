// SPDX-License-Identifier: GPL-2.0
/*
 * DPDK's tables rte_lpm, rte_fib (DIR-24-8) and rte_fib6 (trie), and functions that look up many
 * addresses.
 *
 * Next hops are numbers; 0 means no route. IPv4 addresses are in host byte order, as DPDK's API
 * requires. There are no read-side sections (rte_rcu_qsbr), because no table changes during
 * lookups.
 */

#include <errno.h>
#include <stdint.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_lpm.h>
#include <rte_malloc.h>

#include "ticks.h"

/* Addresses per call of a bulk function: a usual burst of packets. */
#define BURST 32

/* ---- The environment ---- */

int peers_eal_init(const char *cpu)
{
	char *arguments[] = {
		"user-peers", "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry",
		"--iova-mode=va", "--log-level=error",
		/* The widest vectors of the processor; the default is 256 bits. */
		"--force-max-simd-bitwidth=512",
		/* The allocator of rte_fib's RIB. */
		"-d", "librte_mempool_ring.so",
		/* MiB of address space; memory is allocated at first use. */
		"-m", "3072", "-l", (char *)cpu,
	};

	return rte_eal_init(RTE_DIM(arguments), arguments) < 0 ? -rte_errno : 0;
}

/* The bytes in use of DPDK's heap. */
uint64_t peers_heap_bytes(void)
{
	struct rte_malloc_socket_stats stats;

	if (rte_malloc_get_socket_stats(0, &stats))
		return 0;
	return stats.heap_allocsz_bytes;
}

/* ---- Lookups of many addresses ---- */

/* Returns 0; the compiler must not know that. */
static inline size_t no_bits(void)
{
	size_t zero = 0;

	asm volatile("" : "+r"(zero));
	return zero;
}

/* Defines functions for a table on top of lookup_one(). */
#define DEFINE_PASSES(name, table_t, address_t, lookup_one)				\
uint64_t peers_##name##_single(table_t *table, const address_t *addresses, size_t count,\
			       int is_dependent)					\
{											\
	const size_t bits = is_dependent ? no_bits() : 0;				\
	uint64_t sum = 0, hop = 0;							\
											\
	if (is_dependent) {								\
		for (size_t i = 0; i < count; i++) {					\
			hop = lookup_one(table, &addresses[i + (hop & bits)]);		\
			sum += hop;							\
		}									\
	} else {									\
		for (size_t i = 0; i < count; i++)					\
			sum += lookup_one(table, &addresses[i]);			\
	}										\
	return sum;									\
}											\
											\
void peers_##name##_next_hops(table_t *table, const address_t *addresses, size_t count,	\
			      uint32_t *hops)						\
{											\
	for (size_t i = 0; i < count; i++)						\
		hops[i] = lookup_one(table, &addresses[i]);				\
}											\
											\
void peers_##name##_ticks(table_t *table, const address_t *addresses, size_t count,	\
			  uint32_t *ticks)						\
{											\
	for (size_t i = 0; i < count; i++) {						\
		uint64_t begin = ticks_begin();						\
		uint64_t hop = lookup_one(table, &addresses[i]);			\
											\
		asm volatile("" : : "r"(hop));						\
		ticks[i] = ticks_end() - begin;						\
	}										\
}

static inline uint64_t lpm_one(struct rte_lpm *lpm, const uint32_t *address)
{
	uint32_t hop;

	return rte_lpm_lookup(lpm, *address, &hop) ? 0 : hop;
}

/* Defines single and bulk lookups of rte_fib or rte_fib6, which only read the addresses. */
#define DEFINE_LOOKUPS(name, address_t)							\
static inline uint64_t name##_one(struct rte_##name *table, const address_t *address)	\
{											\
	uint64_t hop = 0;								\
											\
	rte_##name##_lookup_bulk(table, (address_t *)address, &hop, 1);			\
	return hop;									\
}											\
											\
uint64_t peers_##name##_bulk(struct rte_##name *table, const address_t *addresses,	\
			     size_t count)						\
{											\
	uint64_t hops[BURST], sum = 0;							\
											\
	for (size_t i = 0; i + BURST <= count; i += BURST) {				\
		rte_##name##_lookup_bulk(table, (address_t *)&addresses[i], hops,	\
					 BURST);					\
		for (size_t n = 0; n < BURST; n++)					\
			sum += hops[n];							\
	}										\
	return sum;									\
}

DEFINE_LOOKUPS(fib, uint32_t)
DEFINE_LOOKUPS(fib6, struct rte_ipv6_addr)

DEFINE_PASSES(lpm, struct rte_lpm, uint32_t, lpm_one)
DEFINE_PASSES(fib, struct rte_fib, uint32_t, fib_one)
DEFINE_PASSES(fib6, struct rte_fib6, struct rte_ipv6_addr, fib6_one)

uint64_t peers_lpm_bulk(struct rte_lpm *lpm, const uint32_t *addresses, size_t count)
{
	uint32_t hops[BURST];
	uint64_t sum = 0;

	for (size_t i = 0; i + BURST <= count; i += BURST) {
		rte_lpm_lookup_bulk(lpm, &addresses[i], hops, BURST);
		for (size_t n = 0; n < BURST; n++)
			sum += hops[n] & RTE_LPM_LOOKUP_SUCCESS ? hops[n] & 0xffffff : 0;
	}
	return sum;
}

/* ---- Tables ---- */

/* Defines updates of a table, whose functions take the address as `passed`. */
#define DEFINE_TABLE(name, address_t, passed)						\
int peers_##name##_add(struct rte_##name *table, const address_t *address, uint8_t len,	\
		       uint32_t hop)							\
{											\
	return rte_##name##_add(table, passed, len, hop);				\
}											\
											\
int peers_##name##_delete(struct rte_##name *table, const address_t *address,		\
			  uint8_t len)							\
{											\
	return rte_##name##_delete(table, passed, len);					\
}											\
											\
void peers_##name##_free(struct rte_##name *table)					\
{											\
	rte_##name##_free(table);							\
}

DEFINE_TABLE(lpm, uint32_t, *address)
DEFINE_TABLE(fib, uint32_t, *address)
DEFINE_TABLE(fib6, struct rte_ipv6_addr, address)

struct rte_lpm *peers_lpm_new(uint32_t routes, uint32_t tbl8s)
{
	struct rte_lpm_config config = { .max_rules = routes, .number_tbl8s = tbl8s };

	return rte_lpm_create("lpm", SOCKET_ID_ANY, &config);
}

struct rte_fib *peers_fib_new(uint32_t routes, uint32_t tbl8s)
{
	struct rte_fib_conf config = {
		.type = RTE_FIB_DIR24_8,
		.max_routes = routes,
		.dir24_8 = { .nh_sz = RTE_FIB_DIR24_8_4B, .num_tbl8 = tbl8s },
	};

	return rte_fib_create("fib", SOCKET_ID_ANY, &config);
}

struct rte_fib6 *peers_fib6_new(uint32_t routes, uint32_t tbl8s)
{
	struct rte_fib6_conf config = {
		.type = RTE_FIB6_TRIE,
		.max_routes = routes,
		.trie = { .nh_sz = RTE_FIB6_TRIE_4B, .num_tbl8 = tbl8s },
	};

	return rte_fib6_create("fib6", SOCKET_ID_ANY, &config);
}
