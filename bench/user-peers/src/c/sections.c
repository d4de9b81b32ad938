// SPDX-License-Identifier: GPL-2.0
/*
 * Read-side sections, in each of which one shared pointer is dereferenced: liburcu's flavours with their inline
 * functions, POSIX's locks, and nothing.
 */

#define _LGPL_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <urcu/urcu-memb.h>
#include <urcu/urcu-mb.h>
#include <urcu/urcu-qsbr.h>
#include <urcu/urcu-bp.h>

/* Sections after which a reader of the flavour qsbr says that it is in none. */
#define QUIESCENT 64

/* What readers look at; nobody changes it. On cache lines of their own. */
static uint64_t object __attribute__((aligned(128))) = 1;
static uint64_t *shared __attribute__((aligned(128))) = &object;
static pthread_rwlock_t rwlock __attribute__((aligned(128))) = PTHREAD_RWLOCK_INITIALIZER;
static pthread_mutex_t mutex __attribute__((aligned(128))) = PTHREAD_MUTEX_INITIALIZER;

static inline uint64_t look(void)
{
	return *rcu_dereference(shared);
}

/* Defines so many sections, which begin and end as given. */
#define DEFINE_PASS(name, begin, end)				\
uint64_t peers_read_##name(uint64_t count)			\
{								\
	uint64_t sum = 0;					\
								\
	for (uint64_t i = 0; i < count; i++) {			\
		begin;						\
		sum += look();					\
		end;						\
		/* Each section for itself. */			\
		asm volatile("" : : "r"(sum) : "memory");	\
	}							\
	return sum;						\
}

DEFINE_PASS(nothing, , )
DEFINE_PASS(memb, urcu_memb_read_lock(), urcu_memb_read_unlock())
DEFINE_PASS(mb, urcu_mb_read_lock(), urcu_mb_read_unlock())
DEFINE_PASS(bp, urcu_bp_read_lock(), urcu_bp_read_unlock())
DEFINE_PASS(qsbr, urcu_qsbr_read_lock(),
	    { urcu_qsbr_read_unlock(); if (i % QUIESCENT == 0) urcu_qsbr_quiescent_state(); })
DEFINE_PASS(rwlock, pthread_rwlock_rdlock(&rwlock), pthread_rwlock_unlock(&rwlock))
DEFINE_PASS(mutex, pthread_mutex_lock(&mutex), pthread_mutex_unlock(&mutex))

/* What a thread does before its first section and after its last one, in all flavours. */
void peers_read_begin(void)
{
	urcu_memb_register_thread();
	urcu_mb_register_thread();
	urcu_qsbr_register_thread();
	urcu_bp_register_thread();
}

void peers_read_end(void)
{
	urcu_bp_unregister_thread();
	urcu_qsbr_unregister_thread();
	urcu_mb_unregister_thread();
	urcu_memb_unregister_thread();
}
