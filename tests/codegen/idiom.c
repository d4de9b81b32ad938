// SPDX-License-Identifier: GPL-2.0
/*
 * RCU in C: each NAME_c() corresponds to NAME_rust() of library.rs.
 *
 * C header: include/linux/rcupdate.h
 */

#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/xarray.h>

struct config {
	struct rcu_head rcu;
	int value;
};

/* Rust's Flexible<(), i32>. */
struct table {
	struct rcu_head rcu;
	size_t len;
	int elements[];
};

/* Rust's Entry<Config>, with the link of C's lists. */
struct entry {
	struct rcu_head rcu;
	struct list_head link;
	int value;
};

/* Rust's ResizableEntry<Keyed>: a link for each of two bucket arrays. */
struct resizable_entry {
	struct rcu_head rcu;
	struct resizable_entry __rcu *links[2];
	unsigned long key;
	int value;
};

/* The bucket array of Rust's ResizableTable. */
struct buckets {
	struct rcu_head rcu;
	size_t len;
	unsigned long side;
	struct resizable_entry __rcu *first[];
};

/* Rust's ResizableTable<Keyed, ResizableState>. */
struct resizable_table {
	struct buckets __rcu *buckets;
	siphash_key_t seed;
};

/* Rust's SrcuPointer<Config>. */
struct srcu_pointer {
	struct srcu_struct domain;
	struct config __rcu *config;
};

struct state {
	unsigned long generation;
	struct config __rcu *config;
	struct mutex lock;
};

/* Rust's UpdaterLock<State, SpinLock<()>>. */
struct spin_state {
	unsigned long generation;
	struct config __rcu *config;
	spinlock_t lock;
};

/* An object with a lock of its own. */
struct session {
	struct rcu_head rcu;
	spinlock_t lock;
	int packets;
};

/* Rust's Arc<i32>. */
struct shared {
	refcount_t refs;
	int value;
};

/* The object of Rust's Rcu<Arc<i32>>. */
struct shared_pointer {
	struct rcu_head rcu;
	struct shared *shared;
};

/* Rust's Updater: the holder of the lock of the state. */
struct updater {
	struct state *state;
};

struct counter {
	struct mutex lock;
	unsigned long value;
};

int read_c(struct config __rcu **config)
{
	struct config *found;
	int value;

	rcu_read_lock();
	found = rcu_dereference(*config);
	value = found ? found->value : -1;
	rcu_read_unlock();
	return value;
}

/* Context: inside a read-side critical section. */
int dereference_c(struct config __rcu **config)
{
	struct config *found = rcu_dereference(*config);

	return found ? found->value : -1;
}

/* Context: inside a read-side critical section. */
const struct config *reference_c(struct config __rcu **config)
{
	return rcu_dereference(*config);
}

/* Context: inside a read-side critical section. */
int element_c(struct table __rcu **table, size_t index)
{
	struct table *found = rcu_dereference(*table);

	return found && index < found->len ? found->elements[index] : -1;
}

/* Context: inside a read-side critical section. */
int list_sum_c(struct list_head *list)
{
	struct entry *entry;
	unsigned int sum = 0;

	list_for_each_entry_rcu(entry, list, link)
		sum += entry->value;
	return sum;
}

/* Context: inside a read-side critical section. */
int resizable_c(struct resizable_table *table, unsigned long key)
{
	struct buckets *buckets = rcu_dereference(table->buckets);
	unsigned long side = buckets->side & 1;
	struct resizable_entry *found;

	found = rcu_dereference(buckets->first[siphash_1u64(key, &table->seed) % buckets->len]);
	while (found) {
		if (found->key == key)
			return found->value;
		found = rcu_dereference(found->links[side]);
	}
	return -1;
}

int srcu_read_c(struct srcu_pointer *pointer)
{
	struct config *found;
	int section;
	int value;

	section = srcu_read_lock(&pointer->domain);
	found = srcu_dereference(pointer->config, &pointer->domain);
	value = found ? found->value : -1;
	srcu_read_unlock(&pointer->domain, section);
	return value;
}

/* Context: with @lock held. */
struct config *replace_c(struct config __rcu **config, struct config *new, struct mutex *lock)
{
	return rcu_replace_pointer(*config, new, lockdep_is_held(lock));
}

/* Context: with @lock held. */
struct config *copy_update_c(struct config __rcu **config, struct config *new, struct mutex *lock)
{
	struct config *old = rcu_dereference_protected(*config, lockdep_is_held(lock));

	new->value = old ? old->value * 3 : 1;
	rcu_assign_pointer(*config, new);
	return old;
}

struct config *exchange_c(struct config __rcu **config, struct config *new)
{
	return unrcu_pointer(xchg(config, RCU_INITIALIZER(new)));
}

void kvfree_c(struct config __rcu **config, struct config *new)
{
	struct config *old = unrcu_pointer(xchg(config, RCU_INITIALIZER(new)));

	if (old)
		kvfree_rcu(old, rcu);
}

static void free_config(struct rcu_head *head)
{
	kfree(container_of(head, struct config, rcu));
}

void call_rcu_c(struct config __rcu **config, struct config *new)
{
	struct config *old = unrcu_pointer(xchg(config, RCU_INITIALIZER(new)));

	if (old)
		call_rcu(&old->rcu, free_config);
}

struct config __rcu **select_c(struct updater *updater)
{
	return &updater->state->config;
}

struct config *select_replace_c(struct updater *updater, struct config *new)
{
	struct state *state = updater->state;

	return rcu_replace_pointer(state->config, new, lockdep_is_held(&state->lock));
}

struct config *locked_replace_c(struct state *state, struct config *new)
{
	struct config *old;

	mutex_lock(&state->lock);
	old = rcu_replace_pointer(state->config, new, lockdep_is_held(&state->lock));
	mutex_unlock(&state->lock);
	return old;
}

struct config *spin_replace_c(struct spin_state *state, struct config *new)
{
	struct config *old;

	spin_lock(&state->lock);
	old = rcu_replace_pointer(state->config, new, lockdep_is_held(&state->lock));
	spin_unlock(&state->lock);
	return old;
}

void find_and_lock_c(struct session __rcu **session)
{
	struct session *found;

	rcu_read_lock();
	found = rcu_dereference(*session);
	if (!found) {
		rcu_read_unlock();
		return;
	}
	spin_lock(&found->lock);
	found->packets++;
	spin_unlock(&found->lock);
	rcu_read_unlock();
}

struct shared *keep_c(struct shared_pointer __rcu **pointer)
{
	struct shared_pointer *found;
	struct shared *kept = NULL;

	rcu_read_lock();
	found = rcu_dereference(*pointer);
	if (found) {
		kept = found->shared;
		refcount_inc(&kept->refs);
	}
	rcu_read_unlock();
	return kept;
}

/* Context: inside a read-side critical section. */
int xarray_c(struct xarray *array, unsigned long index)
{
	struct config *found = xa_load(array, index);

	return found ? found->value : -1;
}

/* Context: inside a read-side critical section. */
bool is_null_c(struct config __rcu **config)
{
	return !rcu_access_pointer(*config);
}

void spin_add_c(struct session *session)
{
	spin_lock(&session->lock);
	session->packets++;
	spin_unlock(&session->lock);
}

/* The hash of resizable_c(). */
unsigned long hash_c(unsigned long key, const siphash_key_t *seed)
{
	return siphash_1u64(key, seed);
}

unsigned long mutex_replace_c(struct counter *counter, unsigned long new)
{
	unsigned long old;

	mutex_lock(&counter->lock);
	old = counter->value;
	counter->value = new;
	mutex_unlock(&counter->lock);
	return old;
}
