// SPDX-License-Identifier: GPL-2.0
/*
 * Readers that are timed while all of them read, as scale/rendezvous.rs has them.
 *
 * Each is bound to a CPU of its own, and waits for the others before it begins. It times batches; one in which it lost
 * its CPU does not count. When it is done it goes on, untimed, until the last one is.
 */

#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include "bench.h"

/* Batches after which a reader lets others run that wait for its CPU. */
#define POLITE 16
/* Turns of waiting after which it does so. */
#define PATIENCE 10000

struct reader {
	struct experiment *experiment;
	u32 number;
	struct task_struct *task;
	struct completion ended;
};

static void be_polite(u32 batches)
{
	if (batches % POLITE == 0)
		schedule();
}

static void meet(struct experiment *experiment)
{
	u32 turns = 0;

	atomic_inc(&experiment->arrived);
	while (atomic_read(&experiment->arrived) < experiment->readers) {
		cpu_relax();
		if (++turns % PATIENCE == 0)
			schedule();
	}
	/* Some may have been away when the last one came. */
	atomic_inc(&experiment->ready);
	while (atomic_read(&experiment->ready) < experiment->readers)
		cpu_relax();
}

static void time_batches(struct experiment *experiment, u32 reader)
{
	struct tally *tally = &experiment->tallies[reader];
	u64 start, end, preempted;
	u32 batch;

	tally->first = ktime_get_ns();
	for (batch = 0; batch < experiment->batches; batch++) {
		preempted = current->nivcsw;
		start = ktime_get_ns();
		experiment->pass(experiment, reader, batch);
		end = ktime_get_ns();
		if (current->nivcsw == preempted) {
			tally->time += end - start;
			tally->kept++;
		}
		be_polite(batch + 1);
	}
	tally->last = ktime_get_ns();
}

/* While others are still being timed. */
static void keep_company(struct experiment *experiment, u32 reader)
{
	u32 batch = 0;

	atomic_inc(&experiment->done);
	while (atomic_read(&experiment->done) < experiment->readers) {
		experiment->pass(experiment, reader, batch++);
		be_polite(batch);
	}
}

static int read_all(void *data)
{
	struct reader *reader = data;
	struct experiment *experiment = reader->experiment;

	/* Fetches into the caches what it needs. */
	experiment->pass(experiment, reader->number, 0);
	meet(experiment);
	time_batches(experiment, reader->number);
	keep_company(experiment, reader->number);
	complete(&reader->ended);
	return 0;
}

static int create_reader(struct reader *reader, int cpu)
{
	init_completion(&reader->ended);
	reader->task = kthread_create(read_all, reader, "peers_reader");
	if (IS_ERR(reader->task))
		return PTR_ERR(reader->task);
	kthread_bind(reader->task, cpu);
	return 0;
}

/* One that runs waits for all others, so none is woken before all are there. */
static int create_readers(struct experiment *experiment, struct reader *readers)
{
	u32 made = 0;
	int error = 0, cpu;

	for_each_online_cpu(cpu) {
		if (made == experiment->readers)
			break;
		readers[made].experiment = experiment;
		readers[made].number = made;
		error = create_reader(&readers[made], cpu);
		if (error)
			break;
		made++;
	}
	if (made == experiment->readers)
		return 0;
	/* One that was never woken does not begin. */
	while (made--)
		kthread_stop(readers[made].task);
	/* Without an error a CPU has gone offline. */
	return error ?: -ENXIO;
}

/* Has all readers read, and waits for them. Their tallies are the caller's, and zero. */
int readers_run(struct experiment *experiment)
{
	struct reader *readers = kcalloc(experiment->readers, sizeof(*readers), GFP_KERNEL);
	int error;
	u32 i;

	if (!readers)
		return -ENOMEM;
	atomic_set(&experiment->arrived, 0);
	atomic_set(&experiment->ready, 0);
	atomic_set(&experiment->done, 0);
	/* The reader of a CPU that goes would share another one's, which may not let it in. */
	cpus_read_lock();
	error = create_readers(experiment, readers);
	for (i = 0; !error && i < experiment->readers; i++)
		wake_up_process(readers[i].task);
	for (i = 0; !error && i < experiment->readers; i++)
		wait_for_completion(&readers[i].ended);
	cpus_read_unlock();
	kfree(readers);
	return error;
}
