// SPDX-License-Identifier: GPL-2.0
/*
 * Read-side sections of liburcu's flavours (by their inline functions), of POSIX locks, and of
 * nothing. Each section dereferences one shared pointer.
 */

#define _LGPL_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <urcu/urcu-memb.h>
#include <urcu/urcu-mb.h>
#include <urcu/urcu-qsbr.h>
#include <urcu/urcu-bp.h>

/* A reader of the flavour qsbr reports a quiescent state every QSBR_SECTIONS sections. */
#define QSBR_SECTIONS 64

/* Constant during the measurement. Each is alone on its cache lines. */
static uint64_t object __attribute__((aligned(128))) = 1;
static uint64_t *shared __attribute__((aligned(128))) = &object;
static pthread_rwlock_t rwlock __attribute__((aligned(128))) = PTHREAD_RWLOCK_INITIALIZER;
static pthread_mutex_t mutex __attribute__((aligned(128))) = PTHREAD_MUTEX_INITIALIZER;

static inline uint64_t read_shared(void)
{
	return *rcu_dereference(shared);
}

/* Defines a function that runs `count` sections. */
#define DEFINE_PASS(name, begin, end)				\
uint64_t peers_read_##name(uint64_t count)			\
{								\
	uint64_t sum = 0;					\
								\
	for (uint64_t i = 0; i < count; i++) {			\
		begin;						\
		sum += read_shared();				\
		end;						\
		/* Prevents merging of sections. */			\
		asm volatile("" : : "r"(sum) : "memory");	\
	}							\
	return sum;						\
}

DEFINE_PASS(nothing, , )
DEFINE_PASS(memb, urcu_memb_read_lock(), urcu_memb_read_unlock())
DEFINE_PASS(mb, urcu_mb_read_lock(), urcu_mb_read_unlock())
DEFINE_PASS(bp, urcu_bp_read_lock(), urcu_bp_read_unlock())
DEFINE_PASS(qsbr, urcu_qsbr_read_lock(),
	    { urcu_qsbr_read_unlock(); if (i % QSBR_SECTIONS == 0) urcu_qsbr_quiescent_state(); })
DEFINE_PASS(rwlock, pthread_rwlock_rdlock(&rwlock), pthread_rwlock_unlock(&rwlock))
DEFINE_PASS(mutex, pthread_mutex_lock(&mutex), pthread_mutex_unlock(&mutex))

/* Registers a reader thread with all flavours. */
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
